//! How long a body is: two lengths, two codings, or one that is spelled so that not all see it.

use super::vector::{Vector, vector};

pub(crate) const LENGTHS: &[Vector] = &[
    vector(
        "CL.TE",
        "{begin}Content-Length: {all}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        &["400 length_with_transfer_encoding", "close"],
        "RFC 9112 §6.1 lets a server take the coding; we take neither",
    ),
    vector(
        "TE.CL",
        "{begin}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n46\r\n{smuggled}\r\n0\r\n\
        \r\n",
        &["400 length_with_transfer_encoding", "close"],
        "as above, whichever comes first",
    ),
    vector(
        "CL.0",
        "GET /news?since=latest HTTP/1.1\r\nHost: tollway.example\r\nContent-Length: {all}\r\n\r\n\
        {smuggled}",
        &["204"],
        "the body of any request is read, also where it means nothing",
    ),
    vector(
        "CL.0, refused",
        "POST /news/poll HTTP/1.1\r\nHost: tollway.example\r\nContent-Length: {all}\r\n\r\n\
        {smuggled}",
        &["405 method_not_allowed"],
        "the body of a refused request is read too",
    ),
    vector(
        "TE.0",
        "OPTIONS / HTTP/1.1\r\nHost: tollway.example\r\nTransfer-Encoding: chunked\r\n\r\n46\r\n\
        {smuggled}\r\n0\r\n\r\n",
        &["204"],
        "as CL.0, in chunks",
    ),
    vector(
        "0.CL",
        "{begin}Content-Length : {all}\r\n\r\n{smuggled}",
        &["400 space_before_colon", "close"],
        "a field that another may not see is not passed over",
    ),
    vector(
        "length twice, equal",
        "{begin}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        &["400 length_double", "close"],
        "RFC 9112 §6.3 lets them be merged; who merges and who does not is not known",
    ),
    vector(
        "length twice, different",
        "{begin}Content-Length: 0\r\nContent-Length: {all}\r\n\r\n{smuggled}",
        &["400 length_double", "close"],
        "first and last have both been taken",
    ),
    vector(
        "length as a list",
        "{begin}Content-Length: 5, 5\r\n\r\nhello",
        &["400 length_malformed", "close"],
        "it is one number",
    ),
    vector(
        "length with a sign",
        "{begin}Content-Length: +5\r\n\r\nhello",
        &["400 length_malformed", "close"],
        "what number parsers take and RFC 9110 §8.6 does not",
    ),
    vector(
        "length below zero",
        "{begin}Content-Length: -5\r\n\r\nhello",
        &["400 length_malformed", "close"],
        "as above",
    ),
    vector(
        "length in hex",
        "{begin}Content-Length: 0x5\r\n\r\nhello",
        &["400 length_malformed", "close"],
        "as above; others read 0",
    ),
    vector(
        "length of two words",
        "{begin}Content-Length: 5 5\r\n\r\nhello",
        &["400 length_malformed", "close"],
        "others stop at the space",
    ),
    vector(
        "length without digits",
        "{begin}Content-Length: \r\n\r\n{smuggled}",
        &["400 length_malformed", "close"],
        "others read 0, or see no length",
    ),
    vector(
        "length beyond 64 bits",
        "{begin}Content-Length: 18446744073709551621\r\n\r\nhello",
        &["413 too_large", "close"],
        "it saturates, and is too large; others wrap to 5",
    ),
    vector(
        "length with zeros in front",
        "{begin}Content-Length: 0005\r\n\r\nhello",
        &["201"],
        "RFC 9110 §8.6 allows it; it is decimal, never octal",
    ),
    vector(
        "length with blanks around",
        "{begin}Content-Length: \t 5 \t\r\n\r\nhello",
        &["201"],
        "RFC 9110 §5.5: white space around a value is none of it",
    ),
    vector(
        "length behind an underscore",
        "{begin}Content_Length: 70\r\nContent-Length: 5\r\n\r\nhello",
        &["201"],
        "another name is another field",
    ),
    vector(
        "length as a hop-by-hop field",
        "{begin}Connection: keep-alive, Content-Length\r\nContent-Length: {all}\r\n\r\n{smuggled}",
        &["201"],
        "`Connection` takes no meaning from framing",
    ),
];

pub(crate) const CODINGS: &[Vector] = &[
    vector(
        "TE.TE: another word",
        "{begin}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n{smuggled}",
        &["501 transfer_encoding_unknown", "close"],
        "a coding that we do not know is not passed over: RFC 9112 §6.1",
    ),
    vector(
        "TE.TE: space before the colon",
        "{begin}Transfer-Encoding : chunked\r\nContent-Length: {all}\r\n\r\n0\r\n\r\n{smuggled}",
        &["400 space_before_colon", "close"],
        "RFC 9112 §5.1",
    ),
    vector(
        "TE.TE: folded before the colon",
        "{begin}Transfer-Encoding\r\n : chunked\r\nContent-Length: {all}\r\n\r\n0\r\n\r\n\
        {smuggled}",
        &["400 bad_field_name", "close"],
        "a line without a colon is no field",
    ),
    vector(
        "TE.TE: folded behind the colon",
        "{begin}Transfer-Encoding:\r\n chunked\r\nContent-Length: {all}\r\n\r\n0\r\n\r\n{smuggled}",
        &["400 obsolete_fold", "close"],
        "RFC 9112 §5.2",
    ),
    vector(
        "TE.TE: behind a blank",
        "{begin} Transfer-Encoding: chunked\r\nContent-Length: {all}\r\n\r\n0\r\n\r\n{smuggled}",
        &["400 obsolete_fold", "close"],
        "a line that begins with white space goes on with the one before it, or is one: nobody \
         knows",
    ),
    vector(
        "TE.TE: vertical tab",
        "{begin}Transfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n{smuggled}",
        &["400 bad_field_value", "close"],
        "no other white space than blank and tab: RFC 9110 §5.5",
    ),
    vector(
        "TE.TE: NUL",
        "{begin}Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n{smuggled}",
        &["400 nul_byte", "close"],
        "where C ends a text, others go on",
    ),
    vector(
        "TE.TE: hidden behind a bare LF",
        "{begin}X: y\nTransfer-Encoding: chunked\r\nContent-Length: {all}\r\n\r\n0\r\n\r\n\
        {smuggled}",
        &["400 bare_line_feed", "close"],
        "RFC 9112 §2.2 lets it end a line; we do not",
    ),
    vector(
        "TE.TE: hidden behind a bare CR",
        "{begin}X: y\rTransfer-Encoding: chunked\r\nContent-Length: {all}\r\n\r\n0\r\n\r\n\
        {smuggled}",
        &["400 bare_carriage_return", "close"],
        "RFC 9112 §2.2: it ends no line, and stands in none",
    ),
    vector(
        "TE.TE: twice, the second unknown",
        "{begin}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n{smuggled}",
        &["400 transfer_encoding_not_last", "close"],
        "several fields are one list, and `chunked` is its last word",
    ),
    vector(
        "TE.TE: twice, the first unknown",
        "{begin}Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        &["501 transfer_encoding_unknown", "close"],
        "as above",
    ),
    vector(
        "TE.TE: `identity`",
        "{begin}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n{smuggled}",
        &["400 transfer_encoding_not_last", "close"],
        "RFC 2616 had it, and a reader of that age takes it for no coding",
    ),
    vector(
        "TE.TE: `chunked` twice",
        "{begin}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n{smuggled}",
        &["400 transfer_encoding_not_last", "close"],
        "RFC 9112 §6.1: it is applied once",
    ),
    vector(
        "TE.TE: in quotes",
        "{begin}Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n{smuggled}",
        &["501 transfer_encoding_unknown", "close"],
        "a coding is a token",
    ),
    vector(
        "TE.TE: nothing",
        "{begin}Transfer-Encoding: \r\nContent-Length: {all}\r\n\r\n0\r\n\r\n{smuggled}",
        &["400 length_with_transfer_encoding", "close"],
        "an empty list is not an absent one",
    ),
    vector(
        "compressed and in chunks",
        "{begin}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        &["501 transfer_encoding_unknown", "close"],
        "it would have to be unpacked to know where it ends",
    ),
    vector(
        "in capitals, behind a tab",
        "{begin}TRANSFER-ENCODING:\tCHUNKED\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        &["201"],
        "names and codings have no case: RFC 9110 §5.1, RFC 9112 §7",
    ),
    vector(
        "with an underscore",
        "{begin}Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
        &["201"],
        "another name is another field",
    ),
    vector(
        "HTTP/1.0 in chunks",
        "POST /news HTTP/1.0\r\nHost: tollway.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\
        \r\n{smuggled}",
        &["400 transfer_encoding_in_http10", "close"],
        "RFC 9112 §6.1: its framing is faulty, whatever comes behind",
    ),
    vector(
        "HTTP/1.0 in chunks that stays",
        "POST /news HTTP/1.0\r\nHost: tollway.example\r\nConnection: keep-alive\r\n\
        Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        &["400 transfer_encoding_in_http10", "close"],
        "as above",
    ),
    vector(
        "coding as a hop-by-hop field",
        "{begin}Connection: keep-alive, Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n0\r\n\r\n",
        &["201"],
        "`Connection` takes no meaning from framing",
    ),
];
