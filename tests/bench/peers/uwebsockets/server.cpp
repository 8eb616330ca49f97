// The uWebSockets peer: WebSockets by its own pub/sub, event streams and polls by its HTTP.
//
// Written as its documentation writes such servers: an app for each thread, which share the port;
// what one thread publishes is deferred to the loops of the others. A topic keeps its last
// messages, so that a poll has a cursor to go on from. `server PORT THREADS` says the port when it
// serves.
//
// Messages go out when a turn of the loop is over: within a handler the buffer in which uWebSockets
// joins small writes is the publisher's, and every other socket would get each write by itself.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <latch>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "App.h"

namespace {

constexpr size_t KEPT_MAX = 256;
constexpr std::chrono::seconds WAIT{55};

using Clock = std::chrono::steady_clock;
using Response = uWS::HttpResponse<false>;

// What all threads know of a topic.
struct Topic {
    explicit Topic(std::string_view name) : name(name) {}

    const std::string name;
    std::mutex mutex;
    uint64_t newest = 0;
    std::deque<std::string> kept;
};

class Topics {
public:
    Topic &topic(std::string_view name) {
        std::lock_guard lock(mutex);
        auto &found = by_name[std::string(name)];
        if (!found) found = std::make_unique<Topic>(name);
        return *found;
    }

private:
    std::mutex mutex;
    std::unordered_map<std::string, std::unique_ptr<Topic>> by_name;
};

void append_escaped(std::string &to, std::string_view text) {
    static constexpr char HEX[] = "0123456789abcdef";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            to += '\\';
            to += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            to += "\\u00";
            to += HEX[c >> 4];
            to += HEX[c & 15];
        } else {
            to += c;
        }
    }
}

// What follows a cursor, or an empty string.
std::string after(Topic &of, uint64_t since) {
    std::lock_guard lock(of.mutex);
    if (of.newest <= since) return {};
    const size_t missing = std::min<uint64_t>(of.newest - since, of.kept.size());
    std::string json = "{\"next\":" + std::to_string(of.newest) + ",\"messages\":[";
    for (size_t at = of.kept.size() - missing; at < of.kept.size(); at++) {
        if (json.back() != '[') json += ',';
        json += '"';
        append_escaped(json, of.kept[at]);
        json += '"';
    }
    return json += "]}";
}

void answer(Response *response, const std::string &json) {
    if (json.empty()) {
        response->writeStatus("204 No Content")->endWithoutBody();
        return;
    }
    response->writeHeader("Content-Type", "application/json")->end(json);
}

class Worker;

// Complete before any of them serves.
std::vector<Worker *> workers;

// A thread with its loop and its app, and who reads there by HTTP.
class Worker {
public:
    explicit Worker(Topics &topics) : topics(topics) {}

    // On the thread that is to serve.
    void listen(int port) {
        loop = uWS::Loop::get();
        loop->addPostHandler(this, [this](auto *) { deliver(); });
        app.emplace();
        route();
        app->listen("127.0.0.1", port, [](auto *socket) {
            if (!socket) std::exit(1);
        });
        auto *timer = us_create_timer(reinterpret_cast<us_loop_t *>(loop), 1, sizeof(Worker *));
        *static_cast<Worker **>(us_timer_ext(timer)) = this;
        us_timer_set(timer, [](us_timer_t *due) {
            (*static_cast<Worker **>(us_timer_ext(due)))->end_what_waited_long();
        }, 1000, 1000);
    }

    void serve() { app->run(); }

private:
    struct Waiting {
        uint64_t since;
        Clock::time_point until;
    };

    struct Readers {
        std::unordered_set<Response *> streams;
        std::unordered_map<Response *, Waiting> polls;
    };

    struct Reader {
        Topic *topic;
    };

    Topics &topics;
    uWS::Loop *loop = nullptr;
    std::optional<uWS::App> app;
    std::unordered_map<Topic *, Readers> readers;
    // Published, and not yet delivered here.
    std::vector<std::pair<Topic *, std::string>> pending;

    void route() {
        app->post("/pub/:topic", [this](Response *response, uWS::HttpRequest *request) {
            Topic &to = topics.topic(request->getParameter(0));
            response->onAborted([] {});
            std::string body;
            response->onData([this, response, &to, body](auto part, bool last) mutable {
                body += part;
                if (!last) return;
                const uint64_t id = publish(to, std::move(body));
                response->writeStatus("201 Created")->end(std::to_string(id));
            });
        });
        app->get("/poll/:topic", [this](Response *response, uWS::HttpRequest *request) {
            poll(response, request);
        });
        app->get("/sse/:topic", [this](Response *response, uWS::HttpRequest *request) {
            Topic *of = &topics.topic(request->getParameter(0));
            readers[of].streams.insert(response);
            response->onAborted([this, response, of] { readers[of].streams.erase(response); });
            response->writeHeader("Content-Type", "text/event-stream");
            response->writeHeader("Cache-Control", "no-cache");
            // The head goes out with the first bytes.
            response->write(":\n\n");
        });
        app->ws<Reader>("/ws/:topic", {
            .idleTimeout = 0,
            .maxBackpressure = 1 << 30,
            .upgrade = [this](Response *response, uWS::HttpRequest *request, auto *context) {
                response->template upgrade<Reader>(
                    {&topics.topic(request->getParameter(0))},
                    request->getHeader("sec-websocket-key"),
                    request->getHeader("sec-websocket-protocol"),
                    request->getHeader("sec-websocket-extensions"), context);
            },
            .open = [](auto *socket) { socket->subscribe(socket->getUserData()->topic->name); },
            .message = [this](auto *socket, std::string_view message, uWS::OpCode) {
                publish(*socket->getUserData()->topic, std::string(message));
            },
        });
    }

    void poll(Response *response, uWS::HttpRequest *request) {
        Topic &of = topics.topic(request->getParameter(0));
        const bool waits = request->getQuery("wait").data() != nullptr;
        const std::string_view asked = request->getQuery("since");
        uint64_t since = 0;
        if (!asked.empty()) {
            since = std::strtoull(std::string(asked).c_str(), nullptr, 10);
        } else if (waits) {
            std::lock_guard lock(of.mutex);
            since = of.newest;
        }
        // Before the look: what comes between the two is missed by neither.
        if (waits) readers[&of].polls[response] = {since, Clock::now() + WAIT};
        const std::string json = after(of, since);
        if (waits && json.empty()) {
            response->onAborted([this, response, &of] { readers[&of].polls.erase(response); });
            return;
        }
        if (waits) readers[&of].polls.erase(response);
        answer(response, json);
    }

    uint64_t publish(Topic &to, std::string message) {
        uint64_t id = 0;
        {
            std::lock_guard lock(to.mutex);
            id = ++to.newest;
            to.kept.push_back(message);
            if (to.kept.size() > KEPT_MAX) to.kept.pop_front();
        }
        for (Worker *other : workers) {
            if (other == this) continue;
            other->loop->defer([other, &to, message] {
                other->pending.emplace_back(&to, message);
            });
        }
        pending.emplace_back(&to, std::move(message));
        return id;
    }

    void deliver() {
        if (pending.empty()) return;
        // What a stream gets of one topic in one turn is one write.
        std::unordered_map<Topic *, std::string> events;
        for (const auto &[of, message] : pending) {
            app->publish(of->name, message, uWS::OpCode::TEXT);
            if (readers.contains(of)) events[of] += "data: " + message + "\n\n";
        }
        pending.clear();
        for (const auto &[of, text] : events) {
            Readers &found = readers[of];
            for (Response *stream : found.streams) {
                stream->cork([&] { stream->write(text); });
            }
            release(*of, found);
        }
    }

    void release(Topic &of, Readers &found) {
        // Most of them ask with the same cursor.
        uint64_t rendered_for = UINT64_MAX;
        std::string json;
        for (const auto &[response, waiting] : found.polls) {
            if (waiting.since != rendered_for) json = after(of, rendered_for = waiting.since);
            response->cork([&] { answer(response, json); });
        }
        found.polls.clear();
    }

    void end_what_waited_long() {
        const auto now = Clock::now();
        for (auto &[topic, found] : readers) {
            std::vector<Response *> ended;
            for (const auto &[response, waiting] : found.polls) {
                if (waiting.until <= now) ended.push_back(response);
            }
            for (Response *response : ended) {
                found.polls.erase(response);
                response->cork([&] { answer(response, {}); });
            }
        }
    }
};

} // namespace

int main(int count, char **words) {
    if (count != 3) return 2;
    const int port = std::atoi(words[1]), threads = std::atoi(words[2]);
    Topics topics;
    std::vector<std::unique_ptr<Worker>> owned;
    for (int at = 0; at < threads; at++) {
        workers.push_back(owned.emplace_back(std::make_unique<Worker>(topics)).get());
    }
    std::latch others_listen(threads - 1);
    std::vector<std::jthread> others;
    for (int at = 1; at < threads; at++) {
        others.emplace_back([&, worker = workers[at]] {
            worker->listen(port);
            others_listen.count_down();
            worker->serve();
        });
    }
    workers[0]->listen(port);
    others_listen.wait();
    std::cout << port << std::endl;
    workers[0]->serve();
}
