//! Pages that a program has written: are they whole?

/// An element of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Element {
    /// Its name.
    pub name: String,
    /// Names and values of its attributes, entities resolved.
    pub attributes: Vec<(String, String)>,
    /// `id` of the innermost `section` that it stands in; empty outside of any.
    pub section: String,
    /// The text directly in it, entities resolved.
    pub text: String,
}

impl Element {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The elements of a page in order, if it is well-formed as XML is: every element closed, every attribute
/// quoted and there once, every `&` the start of one of the entities `amp`, `lt`, `gt`, `quot`.
///
/// ```
/// let all = mir_testkit::html::elements("<p class=\"x\">a &lt; b<br/></p>");
/// assert_eq!((all[0].text.as_str(), all[0].attribute("class")), ("a < b", Some("x")));
/// ```
///
/// # Panics
/// If it is not well-formed; the message says where.
#[track_caller]
pub fn elements(page: &str) -> Vec<Element> {
    let mut all: Vec<Element> = Vec::new();
    // Indices of the elements that are open, and sections.
    let (mut open, mut sections): (Vec<usize>, Vec<String>) = (Vec::new(), Vec::new());
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let text = resolve(&rest[..at]);
        match open.last() {
            Some(&parent) => all[parent].text += &text,
            None => assert!(text.trim().is_empty(), "text outside of all elements: {text:?}"),
        }
        rest = &rest[at + 1..];
        let end = end_of_tag(rest);
        let tag = &rest[..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            assert!(tag.starts_with("!DOCTYPE"), "<{tag}>");
        } else if let Some(name) = tag.strip_prefix('/') {
            let closed = open.pop().map(|i| all[i].name.clone());
            assert_eq!(closed.as_deref(), Some(name), "before: {}", head(rest));
            if name == "section" {
                sections.pop();
            }
        } else {
            let (tag, empty) = match tag.strip_suffix('/') {
                Some(tag) => (tag, true),
                None => (tag, false),
            };
            let mut element = element(tag);
            if element.name == "section" && !empty {
                sections.push(element.attribute("id").unwrap_or_default().to_owned());
            }
            element.section = sections.last().cloned().unwrap_or_default();
            if !empty {
                open.push(all.len());
            }
            all.push(element);
        }
    }
    assert!(open.is_empty(), "{} is not closed", all[open[0]].name);
    assert!(rest.trim().is_empty(), "text after the last element: {}", head(rest));
    all
}

/// The first characters, for messages.
fn head(text: &str) -> String {
    text.chars().take(80).collect()
}

/// The place of the `>` that ends a tag, which may have others in its attributes.
fn end_of_tag(text: &str) -> usize {
    let mut quoted = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted = !quoted,
            '>' if !quoted => return at,
            '<' => panic!("< within a tag: {}", head(text)),
            _ => {}
        }
    }
    panic!("a tag does not end: {}", head(text));
}

fn element(tag: &str) -> Element {
    let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric()) && !name.is_empty(), "<{tag}>");
    let mut element = Element { name: name.to_owned(), ..Element::default() };
    while !rest.trim().is_empty() {
        let (key, tail) = rest.trim_start().split_once("=\"").unwrap_or_else(|| panic!("<{tag}>"));
        let (value, tail) = tail.split_once('"').unwrap_or_else(|| panic!("<{tag}>"));
        assert!(tail.is_empty() || tail.starts_with(' '), "<{tag}>");
        assert!(element.attribute(key).is_none(), "{key} comes twice in <{tag}>");
        element.attributes.push((key.to_owned(), resolve(value)));
        rest = tail;
    }
    element
}

/// Entities as the characters that they stand for.
fn resolve(text: &str) -> String {
    let mut parts = text.split('&');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, tail) =
            part.split_once(';').unwrap_or_else(|| panic!("& alone: {}", head(part)));
        out.push(match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            _ => panic!("unknown entity &{};", head(name)),
        });
        out += tail;
    }
    out
}

/// Media type and bytes of a `data:` address in base64; none of another address.
///
/// # Panics
/// If the digits are none.
pub fn data_of(address: &str) -> Option<(String, Vec<u8>)> {
    let (media, digits) = address.strip_prefix("data:")?.split_once(";base64,")?;
    assert!(digits.len().is_multiple_of(4), "{} digits", digits.len());
    let digit = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("{c} is no digit of base64"),
    };
    let body = digits.trim_end_matches('=');
    let mut bytes = Vec::with_capacity(body.len() * 3 / 4);
    let (mut held, mut bits) = (0u32, 0);
    for c in body.bytes() {
        held = (held << 6) | u32::from(digit(c));
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Some((media.to_owned(), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_well_formed_is_refused() {
        for page in [
            "<p>",
            "<p></q>",
            "</p>",
            "<p>a & b</p>",
            "<p>&nbsp;</p>",
            "<p class=x></p>",
            "<p",
            "<p>a</p>b",
            "<p a=\"1\" a=\"2\"></p>",
            "<p a=\"<\"></p>",
        ] {
            assert!(std::panic::catch_unwind(|| elements(page)).is_err(), "{page}");
        }
    }

    #[test]
    fn sections_and_data_are_read() {
        let page = "<!DOCTYPE html>\n<a><section id=\"s\"><b x=\"a&gt;b\"/></section><c></c></a>\n";
        let all = elements(page);
        assert_eq!(all[2].section, "s");
        assert_eq!((all[2].attribute("x"), all[3].section.as_str()), (Some("a>b"), ""));
        let data = data_of("data:audio/flac;base64,Zm9vYg==");
        assert_eq!(data, Some(("audio/flac".to_owned(), b"foob".to_vec())));
        assert_eq!(data_of("https://example.org"), None);
    }
}
