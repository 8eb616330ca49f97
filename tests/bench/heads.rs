//! Request heads, read again and again: something to count instructions in.
//!
//! ```text
//! cargo bench --bench heads --no-run   # says where the program is
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null PROGRAM browser 20000
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null PROGRAM browser 10000
//! ```
//!
//! The difference of the two counts (`Collected`), divided by 10,000, is what one head costs: what
//! the program needs to start is in both. The heads are `curl`, `browser` and `post`; all of a head
//! is there at once, as it is when it comes in one segment. Instructions are counted and not time,
//! because they are the same on a machine that is busy with other things.

use std::hint::black_box;

use tollway::limits::HEAD_BYTES_MAX;
use tollway::wire::Parsed;
use tollway::wire::head::HeadDecoder;

/// As curl sends it for a short poll.
const CURL: &str = "GET /news HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.14.1\r\n\
                    Accept: */*\r\n\r\n";

/// As a browser sends it for an `EventSource`.
const BROWSER: &str = "GET /news/sse?since=mws8vx14-7 HTTP/1.1\r\n\
     Host: localhost:8080\r\n\
     Connection: keep-alive\r\n\
     sec-ch-ua-platform: \"Linux\"\r\n\
     Cache-Control: no-cache\r\n\
     User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/141.0.0.0 Safari/537.36\r\n\
     Accept: text/event-stream\r\n\
     sec-ch-ua: \"Chromium\";v=\"141\", \"Not?A_Brand\";v=\"8\"\r\n\
     sec-ch-ua-mobile: ?0\r\n\
     Sec-Fetch-Site: same-origin\r\n\
     Sec-Fetch-Mode: cors\r\n\
     Sec-Fetch-Dest: empty\r\n\
     Referer: http://localhost:8080/\r\n\
     Accept-Encoding: gzip, deflate, br, zstd\r\n\
     Accept-Language: en-US,en;q=0.9,de;q=0.8\r\n\r\n";

/// As curl sends it for a publish.
const POST: &str = "POST /news HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: curl/8.14.1\r\n\
                    Accept: */*\r\nContent-Length: 5\r\n\
                    Content-Type: application/x-www-form-urlencoded\r\n\r\n";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => {
            for (name, head) in [("curl", CURL), ("browser", BROWSER), ("post", POST)] {
                println!("{name}: {} bytes, to be read under callgrind", head.len());
            }
        }
        [name, times] => {
            let head = match name {
                "curl" => CURL,
                "browser" => BROWSER,
                "post" => POST,
                _ => panic!("one of: curl, browser, post"),
            };
            read(head.as_bytes(), times.parse().expect("a number"));
        }
        _ => panic!("a head, and how often to read it"),
    }
}

fn read(head: &[u8], times: usize) {
    let mut decoder = HeadDecoder::default();
    for _ in 0..times {
        let verdict = decoder.decode(black_box(head), HEAD_BYTES_MAX);
        let Ok(Parsed::Complete { value, used }) = verdict else {
            panic!("a sound head was refused");
        };
        assert_eq!(used, head.len());
        black_box(value);
    }
}
