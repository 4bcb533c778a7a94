//! Requests of web pages: a browser on a machine that reaches this gateway must not write here for a page of another site.
//!
//! Browsers say where a request comes from: `Sec-Fetch-Site`, and `Origin` with everything that is more than a plain GET. A page
//! whose name was made to resolve to this gateway shows by the `Host` header (`hosts`). Other clients send none of it.

use http::header::{HOST, ORIGIN};
use http::{HeaderMap, HeaderName};

use super::hosts::{AllowedHosts, without_port};

/// The longest name that a refusal repeats, in bytes: DNS has no longer ones.
const LONGEST: usize = 253;

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Why a request is refused with status 403.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum WebRefusal {
    /// The client addresses the gateway by a name that may be anybody's.
    #[error(
        "403 Forbidden: this gateway does not answer for the host \"{0}\", because a web page could have made it up. If it is a \
         name of this gateway, start the gateway with --host {0}"
    )]
    Host(String),
    /// The request comes from a page of another site.
    #[error("403 Forbidden: requests of web pages of other sites are not answered")]
    OtherSite,
}

/// Refuses a request that a web page of another site caused, or may have.
pub(super) fn check(headers: &HeaderMap, hosts: &AllowedHosts) -> Result<(), WebRefusal> {
    let host = headers
        .get(HOST)
        .map(http::HeaderValue::as_bytes)
        .unwrap_or_default();
    let host = std::str::from_utf8(host).unwrap_or_default();
    if !hosts.allows(host) {
        let name = without_port(host);
        let name = name.get(..name.len().min(LONGEST)).unwrap_or_default();
        return Err(WebRefusal::Host(name.to_owned()));
    }
    // A page that the user opened by its address, and a page of this very server.
    let is_own_site = |site: &http::HeaderValue| site == "same-origin" || site == "none";
    let is_own_origin = |origin: &http::HeaderValue| is_of_host(origin.as_bytes(), host, hosts);
    let own = headers.get_all(&SEC_FETCH_SITE).iter().all(is_own_site)
        && headers.get_all(ORIGIN).iter().all(is_own_origin);
    if own {
        Ok(())
    } else {
        Err(WebRefusal::OtherSite)
    }
}

/// Whether an `Origin` is that of a server addressed as `host`, or of a name that is configured for this gateway (behind a
/// proxy that addresses it otherwise).
fn is_of_host(origin: &[u8], host: &str, hosts: &AllowedHosts) -> bool {
    let origin = std::str::from_utf8(origin).unwrap_or_default();
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let bare = |host: &'_ str| host.strip_suffix(port).unwrap_or(host).to_owned();
    bare(authority).eq_ignore_ascii_case(&bare(host)) || hosts.lists(without_port(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(headers: &[(&'static str, &'static str)]) -> Result<(), WebRefusal> {
        let hosts = AllowedHosts::new(["kv.example.com".to_owned()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        check(&map, &hosts)
    }

    #[test]
    fn requests_of_pages_of_other_sites_are_refused() {
        for headers in [
            [("host", "10.0.0.1:2379"), ("origin", "http://evil.example")],
            [("host", "10.0.0.1:2379"), ("origin", "null")],
            [("host", "10.0.0.1:2379"), ("origin", "http://10.0.0.1")],
            [
                ("host", "10.0.0.1:2379"),
                ("origin", "http://10.0.0.1:8500"),
            ],
            [
                ("host", "10.0.0.1:2379"),
                ("origin", "file://10.0.0.1:2379"),
            ],
            [("host", "localhost"), ("sec-fetch-site", "cross-site")],
            [("host", "localhost"), ("sec-fetch-site", "same-site")],
        ] {
            assert_eq!(checked(&headers), Err(WebRefusal::OtherSite), "{headers:?}");
        }
    }

    #[test]
    fn a_header_that_is_given_twice_must_be_right_twice() {
        let own = [
            ("host", "localhost"),
            ("sec-fetch-site", "none"),
            ("origin", "http://localhost"),
        ];
        assert_eq!(checked(&own), Ok(()));
        for other in [
            ("origin", "http://evil.example"),
            ("sec-fetch-site", "cross-site"),
        ] {
            let twice = [&own[..], &[other]].concat();
            assert_eq!(checked(&twice), Err(WebRefusal::OtherSite), "{other:?}");
        }
    }

    #[test]
    fn clients_and_own_pages_pass() {
        for headers in [
            &[][..],
            &[("host", "10.0.0.1:2379")],
            &[("host", "localhost"), ("sec-fetch-site", "none")],
            &[
                ("host", "[::1]:1"),
                ("origin", "http://[::1]:1"),
                ("sec-fetch-site", "same-origin"),
            ],
            &[("host", "localhost:80"), ("origin", "http://LOCALHOST")],
            &[
                ("host", "kv.example.com"),
                ("origin", "https://kv.example.com"),
            ],
            // Behind a proxy.
            &[
                ("host", "10.0.0.1:2379"),
                ("origin", "https://kv.example.com"),
            ],
        ] {
            assert_eq!(checked(headers), Ok(()), "{headers:?}");
        }
    }

    #[test]
    fn refusal_of_a_host_names_it_and_the_option() {
        let refused = checked(&[("host", "evil.example:2379")]).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains("\"evil.example\""), "{text}");
        assert!(text.ends_with("--host evil.example"), "{text}");
    }
}
