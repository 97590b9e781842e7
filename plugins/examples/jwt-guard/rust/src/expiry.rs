use mesh_pdk::{close, connections, disconnect, now, Json, Result};

/// How many connections are read at a time: each has up to 64 KiB of metadata.
const PAGE: i64 = 100;
/// How many pages are read at most, so that the run has an end.
const MAX_PAGES: usize = 10_000;

/// When a connection's token runs out, in milliseconds since 1970; none for one
/// without a token.
pub fn expires(metadata: &Json) -> Option<i64> {
    metadata.get("jwt").get("expires").as_int()
}

/// Closes the connections whose token has run out. What fails for one does not
/// keep it from the others.
pub fn sweep(leeway: i64) -> Result<()> {
    let (now, mut cursor, mut result) = (now(), String::new(), Ok(()));
    for _ in 0..MAX_PAGES {
        let page = connections::list_metadata("", &cursor, PAGE)?;
        for entry in page.list.items() {
            for (id, metadata) in entry.members() {
                if expires(&metadata).map_or(false, |until| now >= until + leeway) {
                    result = result.and(disconnect(&id, close::TOKEN_EXPIRED, "The token has expired.").map(drop));
                }
            }
        }
        if page.next.is_empty() {
            break;
        }
        cursor = page.next;
    }
    result
}
