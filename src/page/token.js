// Tokens, for a server that asks for them: a form, and what was typed into it.
//
// A token is kept for this tab until it is closed, and shown in a field of each request, or by a
// ticket. It stands in no URL, which is logged and shared, and so its field has no name: not even a
// form that is sent by mistake would bring it there. Absent on purpose: what a token allows.

import { say } from '/-/page/words.js';

/** By which to publish and to read, and by which to see costs. Where there is one, it may do for both. */
const KEPT = { read: 'tollway token', costs: 'tollway costs token' };

export class Tokens {
  #wanted; // for what: a name in KEPT
  #error; // what the server said

  /** `onshown` is called with what for when one was typed in. */
  constructor(form, onshown) {
    Object.assign(this, { form, onshown });
    [this.field, this.label, this.told] = ['input', 'label', 'p'].map((part) => form.querySelector(part));
    form.onsubmit = (event) => {
      event.preventDefault();
      const purpose = this.#wanted;
      sessionStorage.setItem(KEPT[purpose], this.field.value);
      this.field.value = '';
      this.form.hidden = true;
      this.#wanted = undefined;
      this.onshown(purpose);
    };
  }

  get read() { return sessionStorage.getItem(KEPT.read) ?? undefined; }
  get costs() { return sessionStorage.getItem(KEPT.costs) ?? this.read; }

  /** The field that shows the token for that. */
  headers(purpose) {
    return this[purpose] ? { Authorization: `Bearer ${this[purpose]}` } : {};
  }

  /** Whether a problem, RFC 9457, or an error of the client is about a token. A proxy may refuse as well. */
  static isWanted({ code }) { return /^(token|jwt|right|ticket|cookie)_/.test(code); }

  /**
   * Asks for a token, once; without one to read by, nobody thinks of costs. `error` is told where one
   * was shown already. What is being typed stays what it was asked for: the lanes ask once more.
   */
  ask(purpose, error) {
    if (this.#wanted === 'read' || this.#wanted === purpose || (this.#wanted && this.field.value)) return;
    this.#wanted = purpose;
    this.#error = this[purpose] && error;
    this.form.hidden = false;
    this.speak();
  }

  speak() {
    if (!this.#wanted) return;
    this.label.textContent = say(`token_${this.#wanted}`);
    this.told.textContent = say('token_kept', { why: this.#error ?? '' }).trim();
  }
}
