//! Who may ask from a browser: the `Origin` rule and the CORS answer. Fetch standard, CORS
//! protocol; RFC 6455 §10.2.
//!
//! Came from: `route`, with the two fields. Goes to: `reply`, as the value to be granted. Absent on
//! purpose: cookies and credentials; the server has none.

/// The origins that `--allow-origin` names.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    any: bool,
    list: Vec<String>,
}

/// What an `Origin` field comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginCheck {
    /// No browser asks, or a page of ours: nothing to grant.
    Same,
    /// A page of another site, which the operator allows: the value to grant.
    Allowed(Box<str>),
    /// A page of another site.
    Foreign,
}

impl Origins {
    /// Takes the values of the flag; `*` allows everyone.
    pub fn new(list: Vec<String>) -> Self {
        Self { any: list.iter().any(|origin| origin == "*"), list }
    }

    /// Judges an `Origin` against the `Host` that was asked for.
    pub fn judge(&self, origin: Option<&[u8]>, host: Option<&str>) -> OriginCheck {
        let Some(origin) = origin else {
            return OriginCheck::Same;
        };
        let Ok(origin) = str::from_utf8(origin) else {
            return OriginCheck::Foreign;
        };
        // The scheme is left out of the comparison: behind a proxy that ends TLS, the browser says
        // https and we cannot know better.
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        let same = authority.zip(host).is_some_and(|(a, h)| a.eq_ignore_ascii_case(h));
        if same {
            OriginCheck::Same
        } else if self.any {
            OriginCheck::Allowed("*".into())
        } else if self.list.iter().any(|listed| listed.eq_ignore_ascii_case(origin)) {
            OriginCheck::Allowed(origin.into())
        } else {
            OriginCheck::Foreign
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_same_allowed_or_foreign() {
        let listed = Origins::new(vec!["https://app.example".into()]);
        let any = Origins::new(vec!["*".into()]);
        let host = Some("chat.example:8080");
        let judge = |origins: &Origins, origin: &str| origins.judge(Some(origin.as_bytes()), host);
        assert_eq!(listed.judge(None, host), OriginCheck::Same);
        assert_eq!(judge(&listed, "http://Chat.example:8080"), OriginCheck::Same);
        assert_eq!(
            judge(&listed, "https://app.example"),
            OriginCheck::Allowed("https://app.example".into())
        );
        assert_eq!(judge(&any, "https://else.example"), OriginCheck::Allowed("*".into()));
        for foreign in [
            "http://chat.example",
            "https://app.example:1",
            "null",
            "",
            "http://chat.example:8080.evil",
        ] {
            assert_eq!(judge(&listed, foreign), OriginCheck::Foreign, "{foreign}");
        }
        assert_eq!(listed.judge(Some(b"http://\xff"), host), OriginCheck::Foreign);
    }
}
