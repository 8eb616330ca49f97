//! What can be wrong with a request head, as one table.
//!
//! Came from: `wire::head` and its fields. Goes to: the answerer, which makes a problem of it, and
//! the table of close reasons. Absent on purpose: what is wrong with bodies, targets and
//! handshakes; each has its own table.

use crate::wire::offences::offences;

offences! {
    /// What can be wrong with a request head. After any of these the connection closes: where the
    /// next request would begin is in doubt.
    pub enum HeadError {
        BareLineFeed = BadRequest, "bare_line_feed",
            "A line of the head ends in LF alone; end every line with CR LF.";
        BareCarriageReturn = BadRequest, "bare_carriage_return",
            "The head has a CR that no LF follows; end every line with CR LF.";
        NulByte = BadRequest, "nul_byte",
            "The head has a NUL byte; leave it out.";
        BadMethod = BadRequest, "bad_method",
            "The request line does not begin with a method and a space; speak plain HTTP/1.1 to \
             this port.";
        BadTarget = BadRequest, "bad_target",
            "The request target is not a path, an http URL, or * for OPTIONS; percent-encode \
             spaces, # and all that is not ASCII.";
        TargetTooLong = UriTooLong, "target_too_long",
            "The request line is longer than the server takes; shorten the path or the query.";
        VersionMalformed = BadRequest, "version_malformed",
            "The request line does not end in a protocol version; end it with HTTP/1.1.";
        VersionUnsupported = VersionNotSupported, "version_unsupported",
            "The server does not speak this version of HTTP on this port; use HTTP/1.1.";
        HeadTooLarge = FieldsTooLarge, "head_too_large",
            "The head is larger than the server takes; send fewer or shorter fields.";
        TooManyFields = FieldsTooLarge, "too_many_fields",
            "The head has more fields than the server takes; send fewer.";
        ObsoleteFold = BadRequest, "obsolete_fold",
            "A field line begins with white space; write each field on one line.";
        SpaceBeforeColon = BadRequest, "space_before_colon",
            "A field has white space between its name and the colon; leave it out.";
        BadFieldName = BadRequest, "bad_field_name",
            "A field line has no colon, or a name that is not a token; write Name: value.";
        BadFieldValue = BadRequest, "bad_field_value",
            "A field value has a control character; leave it out.";
        FieldDouble = BadRequest, "field_double",
            "A field that can have one value only is there twice; send it once.";
        HostMissing = BadRequest, "host_missing",
            "An HTTP/1.1 request has no Host field; send one.";
        HostDouble = BadRequest, "host_double",
            "The Host field is there twice; send it once.";
        HostMalformed = BadRequest, "host_malformed",
            "The Host field is not a host with an optional port; send the authority of the URL.";
        LengthMalformed = BadRequest, "length_malformed",
            "Content-Length is not one decimal number; send the size of the body in bytes.";
        LengthDouble = BadRequest, "length_double",
            "Content-Length is there twice; send it once.";
        LengthWithTransferEncoding = BadRequest, "length_with_transfer_encoding",
            "Content-Length and Transfer-Encoding are both there; send one of them.";
        TransferEncodingEmpty = BadRequest, "transfer_encoding_empty",
            "Transfer-Encoding names no coding; name chunked, or leave the field out.";
        TransferEncodingUnknown = NotImplemented, "transfer_encoding_unknown",
            "Transfer-Encoding names a coding that the server does not know; use chunked alone.";
        TransferEncodingNotLast = BadRequest, "transfer_encoding_not_last",
            "Transfer-Encoding names a coding after chunked; chunked comes last, and once.";
        TransferEncodingInHttp10 = BadRequest, "transfer_encoding_in_http10",
            "Transfer-Encoding is there in an HTTP/1.0 request; send Content-Length.";
        ExpectationUnknown = ExpectationFailed, "expectation_unknown",
            "Expect asks for something other than 100-continue; leave it out.";
    }
}
