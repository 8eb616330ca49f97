//! The axum peer: topics as `tokio::sync::broadcast` channels, read by WebSocket, Server-Sent
//! Events and polls.
//!
//! Written as its documentation writes such servers. A topic keeps its last messages, so that a
//! poll has a cursor to go on from. `tollway-bench-axum THREADS` serves on a port of its own, which
//! is the first line of its output.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use futures_util::{SinkExt, Stream, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::broadcast;
use tokio_stream::wrappers::BroadcastStream;

/// Messages that a topic keeps, and that a slow reader may be behind.
const KEPT_MAX: usize = 256;
const WAIT: Duration = Duration::from_secs(55);

struct Topic {
    channel: broadcast::Sender<Utf8Bytes>,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    /// The number of the newest message; they begin at 1.
    newest: u64,
    kept: VecDeque<Utf8Bytes>,
}

#[derive(Clone, Default)]
struct Topics(Arc<Mutex<HashMap<String, Arc<Topic>>>>);

#[derive(Deserialize)]
struct Asked {
    since: Option<u64>,
    wait: Option<u64>,
}

#[derive(Serialize)]
struct Answer {
    next: u64,
    messages: Vec<String>,
}

impl Topics {
    fn topic(&self, name: &str) -> Arc<Topic> {
        let mut topics = self.0.lock().expect("nobody panics with it");
        if let Some(topic) = topics.get(name) {
            return Arc::clone(topic);
        }
        let topic =
            Arc::new(Topic { channel: broadcast::channel(KEPT_MAX).0, log: Mutex::default() });
        topics.insert(name.to_owned(), Arc::clone(&topic));
        topic
    }
}

impl Topic {
    fn publish(&self, message: Utf8Bytes) -> u64 {
        let mut log = self.log.lock().expect("nobody panics with it");
        log.newest += 1;
        log.kept.push_back(message.clone());
        if log.kept.len() > KEPT_MAX {
            log.kept.pop_front();
        }
        // An error: nobody reads, which is no fault.
        let _ = self.channel.send(message);
        log.newest
    }

    /// What follows a cursor, if anything does.
    fn after(&self, since: u64) -> Option<Answer> {
        let log = self.log.lock().expect("nobody panics with it");
        let missing = usize::try_from(log.newest.saturating_sub(since)).unwrap_or(usize::MAX);
        if missing == 0 {
            return None;
        }
        let skipped = log.kept.len().saturating_sub(missing);
        let messages = log.kept.iter().skip(skipped).map(|message| message.as_str().to_owned());
        Some(Answer { next: log.newest, messages: messages.collect() })
    }

    fn newest(&self) -> u64 {
        self.log.lock().expect("nobody panics with it").newest
    }
}

async fn publish(
    Path(name): Path<String>,
    State(topics): State<Topics>,
    body: String,
) -> (StatusCode, String) {
    let id = topics.topic(&name).publish(body.into());
    (StatusCode::CREATED, id.to_string())
}

async fn poll(
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
    State(topics): State<Topics>,
) -> Response {
    let topic = topics.topic(&name);
    let waits = asked.wait.is_some();
    let since = asked.since.unwrap_or_else(|| if waits { topic.newest() } else { 0 });
    // Before the look: what comes between the two is in both, and missed by neither.
    let mut coming = waits.then(|| topic.channel.subscribe());
    let mut answer = topic.after(since);
    if let (None, Some(coming)) = (&answer, &mut coming) {
        let _ = tokio::time::timeout(WAIT, coming.recv()).await;
        answer = topic.after(since);
    }
    answer.map_or_else(|| StatusCode::NO_CONTENT.into_response(), |a| Json(a).into_response())
}

async fn sse(
    Path(name): Path<String>,
    State(topics): State<Topics>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let coming = BroadcastStream::new(topics.topic(&name).channel.subscribe());
    // A reader that fell behind is not brought up to date here; the bench would notice.
    let events = coming.filter_map(async |message| message.ok());
    Sse::new(events.map(|message| Ok(Event::default().data(message.as_str()))))
}

async fn websocket(
    Path(name): Path<String>,
    State(topics): State<Topics>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let topic = topics.topic(&name);
    // Before the handshake is answered: whoever has its answer gets what is published then.
    let coming = topic.channel.subscribe();
    upgrade.on_upgrade(move |socket| converse(socket, topic, coming))
}

/// Two tasks, one for each direction, as in the example `chat` of axum.
async fn converse(
    socket: WebSocket,
    topic: Arc<Topic>,
    mut coming: broadcast::Receiver<Utf8Bytes>,
) {
    let (mut sender, mut receiver) = socket.split();
    let mut tells = tokio::spawn(async move {
        while let Ok(message) = coming.recv().await {
            if sender.send(Message::Text(message)).await.is_err() {
                return;
            }
        }
    });
    // A Ping or a Close is answered by the library, before the stream ends.
    let mut hears = tokio::spawn(async move {
        while let Some(Ok(said)) = receiver.next().await {
            if let Message::Text(message) = said {
                topic.publish(message);
            }
        }
    });
    tokio::select! {
        _ = &mut tells => hears.abort(),
        _ = &mut hears => tells.abort(),
    }
}

fn main() {
    let threads: usize = std::env::args().nth(1).map_or(1, |word| word.parse().expect("a number"));
    let mut runtime = if threads == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    if threads > 1 {
        runtime.worker_threads(threads);
    }
    let runtime = runtime.enable_all().build().expect("a runtime");
    runtime.block_on(serve());
}

async fn serve() {
    let routes = Router::new()
        .route("/pub/{topic}", post(publish))
        .route("/poll/{topic}", get(poll))
        .route("/sse/{topic}", get(sse))
        .route("/ws/{topic}", get(websocket))
        .with_state(Topics::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("it is bound").port());
    let listener = listener.tap_io(|socket| {
        let _ = socket.set_nodelay(true);
    });
    axum::serve(listener, routes).await.expect("it serves until it is ended");
}
