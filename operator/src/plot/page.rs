//! All figures on one page.

use super::{figure::Figure, svg};

const STYLE: &str = "body{margin:0;background:#f3f5f7;color:#1f2933;\
font-family:'DejaVu Sans',Verdana,'Segoe UI',Arial,sans-serif}\
main{max-width:1000px;margin:0 auto;padding:24px 16px}h1{font-size:22px}\
figure{margin:0 0 20px;padding:8px;background:#fff;border:1px solid #e4e7eb;border-radius:8px;overflow-x:auto}\
svg{display:block;margin:0 auto}";

pub(super) fn write(title: &str, figures: &[Figure]) -> String {
    let title = title.replace('&', "&amp;").replace('<', "&lt;");
    let drawings: Vec<String> =
        figures.iter().map(|figure| format!("<figure>\n{}</figure>\n", svg::draw(figure))).collect();
    let drawings = drawings.concat();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{drawings}</main>\n</body>\n</html>\n"
    )
}
