//! The dashboard: files of `dashboard/`, held in the binary, served with a strict policy.

use axum::Router;
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// Only own files, no inline script or style, no frame around the page.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
    style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types";

const JS: &str = "text/javascript; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// A file of the dashboard: address, type, content.
type Asset = (&'static str, &'static str, &'static str);

macro_rules! assets {
    ($($kind:ident $path:literal),* $(,)?) => {
        &[$((concat!("/", $path), $kind, include_str!(concat!("../dashboard/", $path)))),*]
    };
}

const INDEX: Asset = ("/", HTML, include_str!("../dashboard/index.html"));
const ASSETS: &[Asset] = assets![
    CSS "style.css",
    CSS "vendor/uplot/uPlot.min.css",
    JS "vendor/uplot/uPlot.iife.min.js",
    JS "main.js",
    JS "lib/api.js",
    JS "lib/dom.js",
    JS "lib/format.js",
    JS "lib/live.js",
    JS "lib/rows.js",
    JS "lib/series.js",
    JS "lib/state.js",
    JS "lib/ticks.js",
    JS "views/chart.js",
    JS "views/charts.js",
    JS "views/decisions.js",
    JS "views/detail.js",
    JS "views/fleet.js",
    JS "views/legend.js",
    JS "views/markers.js",
    JS "views/node.js",
    JS "views/notice.js",
    JS "views/sparkline.js",
    JS "views/table.js",
];

/// Routes of the dashboard.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut router = Router::new();
    for &(path, kind, content) in std::iter::once(&INDEX).chain(ASSETS) {
        router = router.route(path, get(move || async move { asset(kind, content) }));
    }
    router
}

fn asset(kind: &'static str, content: &'static str) -> Response {
    let headers: [(HeaderName, &str); 5] = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        // A new binary may hold a new page.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, content).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn files(folder: &Path, found: &mut BTreeSet<String>, root: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files(&path, found, root);
            } else if path
                .extension()
                .is_some_and(|kind| kind == "js" || kind == "css")
            {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap();
                found.insert(format!("/{name}"));
            }
        }
    }

    #[test]
    fn every_file_of_the_page_is_in_the_binary() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("dashboard");
        let mut found = BTreeSet::new();
        for folder in ["lib", "views", "vendor"] {
            files(&root.join(folder), &mut found, &root);
        }
        found.extend(["/main.js".to_owned(), "/style.css".to_owned()]);
        let held: BTreeSet<String> = ASSETS
            .iter()
            .map(|(path, _, _)| (*path).to_owned())
            .collect();
        assert_eq!(held, found);
    }
}
