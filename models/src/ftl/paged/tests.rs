//! What the page-mapped layer does, page by page.
