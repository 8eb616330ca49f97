// Types of the client. What is promised of each: docs/client.md.

/** The best first. */
export type Technique = 'websocket' | 'sse' | 'long-poll' | 'poll';

export interface Message {
  /** Opaque; the cursor of whoever has seen this message. */
  id: string;
  /** Given when several topics are read, except by SSE. */
  topic?: string;
  /** The name that it was published with. */
  event?: string;
  /** A string when the data is UTF-8, bytes otherwise. */
  data: string | Uint8Array;
}

/** Messages that were asked for and cannot be had. */
export interface Gap {
  /** The cursor that was asked for. */
  from: string;
  /** The first id that follows, or the cursor from which reading goes on. */
  to: string;
  /** Numbering began anew; no longer retained; taken too slowly. */
  reason: 'epoch' | 'expired' | 'slow';
}

export interface Status {
  state: 'connecting' | 'open' | 'waiting' | 'offline' | 'closed';
  /** By which it is being tried, or read. */
  technique?: Technique;
  /** Why it waits, or why it was closed by itself. `status` and `code` are those of a refusal. */
  error?: Error & { status?: number; code?: string; retryAfter?: number };
  /** Milliseconds until the next attempt, when it waits. */
  retryIn?: number;
  /** It is another tab's connection. */
  isShared?: boolean;
}

/** Totals since the start. Heads are not in them: a page cannot see those. */
export interface Costs {
  requests: number;
  /** Answers without a message. */
  empty: number;
  /** Handed over; acknowledged, for `publish`. */
  messages: number;
  /** Of bodies and frames that came in. */
  bytes: number;
}

export interface Options {
  /** One or several; `publish` goes to the first unless it is told another. */
  topics: string | string[];
  /**
   * Those that may be used, in this order. Default: all; without SSE when there are several topics.
   * None, `[]`, for who publishes only.
   */
  techniques?: Technique[];
  /** A cursor, `latest` (the default), or `earliest`: everything retained. */
  since?: string;
  /** Called once for each message, in order. */
  onmessage?(message: Message): void;
  /** Called before the first message that follows the gap. */
  ongap?(gap: Gap): void;
  onstate?(status: Status): void;
  oncost?(costs: Costs & { technique: Technique | 'publish' | 'shared' }): void;
  /** Further members of the query of whatever is read, such as `{ tag: '4f1c09' }`. */
  query?: Record<string, string>;
  /** One connection for all tabs of the origin that say the same, server and topics included. */
  shared?: boolean | string;
  /**
   * `Authorization: Bearer`, on each request; a WebSocket shows a ticket of `/-/ticket` for it. A
   * function is asked each time.
   */
  token?: string | (() => string | Promise<string>);
  /** A ticket for each WebSocket, from where the page gets its own; without, from `/-/ticket`. */
  ticket?: () => string | Promise<string>;
  /** Seconds that a long poll may be withheld: 25. */
  wait?: number;
  /** Milliseconds between two short polls: 2,000; five times as long in a hidden page. */
  interval?: number;
  /** Milliseconds; see TIMINGS in client.js. */
  timings?: Partial<
    Record<'first' | 'grace' | 'proof' | 'trial' | 'silence' | 'backOff' | 'publish', number>
  >;
}

export interface PublishOptions {
  topic?: string;
  event?: string;
  /** 1 to 128 bytes. Default: a new one. A key of your own makes a publish safe across reloads. */
  key?: string;
}

export interface Connection {
  readonly state: Status['state'];
  readonly status: Status;
  /** Of the last message that was handed over; good for `since`. */
  readonly cursor: string;
  readonly costs: Partial<Record<Technique | 'publish' | 'shared', Costs>>;
  /** Resolves when the message is in the log; rejects when it was refused, or not acknowledged in time. */
  publish(
    data: BodyInit,
    options?: PublishOptions,
  ): Promise<{ id: string; subscribers: number }>;
  close(): void;
}

export const TECHNIQUES: readonly Technique[];
/** Reads topics, from now on and until `close()`. */
export function connect(url: string | URL, options: Options): Connection;
