//! Chunks: sizes, extensions, ends and trailers that not all read alike.

use super::vector::{Vector, vector};

pub(crate) const CHUNKS: &[Vector] = &[
    vector(
        "size with 0x",
        "{begin}Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
        &["400 bad_chunk_size", "close"],
        "what `strtol` takes; others read 0, which is the last chunk",
    ),
    vector(
        "size with a sign",
        "{begin}Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
        &["400 bad_chunk_size", "close"],
        "as above",
    ),
    vector(
        "size below zero",
        "{begin}Transfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n",
        &["400 bad_chunk_size", "close"],
        "as above",
    ),
    vector(
        "size with a blank behind",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n",
        &["400 bad_chunk_size", "close"],
        "many take it; it is not in the grammar of RFC 9112 §7.1",
    ),
    vector(
        "size with a blank in front",
        "{begin}Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n",
        &["400 bad_chunk_size", "close"],
        "as above",
    ),
    vector(
        "no size",
        "{begin}Transfer-Encoding: chunked\r\n\r\n\r\n{smuggled}",
        &["400 empty_chunk_size", "close"],
        "some take it for the last chunk",
    ),
    vector(
        "no size, an extension",
        "{begin}Transfer-Encoding: chunked\r\n\r\n;x\r\n\r\n{smuggled}",
        &["400 empty_chunk_size", "close"],
        "as above",
    ),
    vector(
        "size beyond 64 bits",
        "{begin}Transfer-Encoding: chunked\r\n\r\n10000000000000005\r\nhello\r\n0\r\n\r\n",
        &["413 too_large", "close"],
        "it saturates, and is too large; others wrap to 5",
    ),
    vector(
        "size with zeros in front",
        "{begin}Transfer-Encoding: chunked\r\n\r\n0000000000000000000005\r\nhello\r\n00\r\n\r\n",
        &["201"],
        "RFC 9112 §7.1: any number of digits",
    ),
    vector(
        "size line ends in LF",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        &["400 bare_line_feed", "close"],
        "CRLF and nothing else ends a line",
    ),
    vector(
        "size line ends in CR CR LF",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5\r\r\nhello\r\n0\r\n\r\n",
        &["400 bad_chunk_size", "close"],
        "as above",
    ),
    vector(
        "TERM.EXT: extension ends in LF",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5;\nhello\r\n0\r\n\r\n",
        &["400 bare_line_feed", "close"],
        "some look for the LF, others for the CRLF, behind a `;`",
    ),
    vector(
        "EXT.TERM: two lines in one",
        "{begin}Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n46\r\n0\r\n\r\n{smuggled}",
        &["400 bare_line_feed", "close"],
        "as above",
    ),
    vector(
        "extension with a CR",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n",
        &["400 bad_chunk_extension", "close"],
        "as above",
    ),
    vector(
        "extension with an open quote",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5;a=\"\r\nhello\r\n0\r\n\r\n",
        &["400 bad_chunk_extension", "close"],
        "where a text in quotes ends, two readers must agree",
    ),
    vector(
        "extension, well-formed",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5;a=\"b;c\";d=e\r\nhello\r\n0;f\r\n\r\n",
        &["201"],
        "it is read, judged and dropped",
    ),
    vector(
        "extension without end",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5;{x*9000}\r\nhello\r\n0\r\n\r\n",
        &["400 chunk_line_too_long", "close"],
        "bounded",
    ),
    vector(
        "data longer than its size",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5\r\nhello!\r\n0\r\n\r\n",
        &["400 chunk_end_missing", "close"],
        "some look for the next CRLF instead",
    ),
    vector(
        "TERM.SPILL: any two bytes behind data",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n{smuggled}",
        &["400 chunk_end_missing", "close"],
        "some skip two bytes without a look",
    ),
    vector(
        "data ends in LF",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n",
        &["400 chunk_end_missing", "close"],
        "as above",
    ),
    vector(
        "last chunk ends in LF LF",
        "{begin}Transfer-Encoding: chunked\r\n\r\n0\n\n{smuggled}",
        &["400 bare_line_feed", "close"],
        "as above",
    ),
    vector(
        "trailer with framing",
        "{begin}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nContent-Length: 70\r\n\
        Transfer-Encoding: x\r\nHost: else\r\n\r\n",
        &["201"],
        "RFC 9110 §6.5.1: a trailer is never merged into the head; it is dropped",
    ),
    vector(
        "trailer that is none",
        "{begin}Transfer-Encoding: chunked\r\n\r\n0\r\n{smuggled}",
        &["400 trailer_malformed", "close"],
        "a request line has no colon in its first word",
    ),
    vector(
        "trailer with a bare LF",
        "{begin}Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\n\r\n{smuggled}",
        &["400 bare_line_feed", "close"],
        "CRLF and nothing else ends a line",
    ),
];
