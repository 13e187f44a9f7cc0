//! strptime layouts to Go layouts (github.com/observiq/ctimefmt).

/// What the log operators refuse before they translate a layout.
///
/// # Errors
/// The Collector's texts.
pub(super) fn check(layout: &str) -> Result<(), String> {
    if layout.contains(|c: char| c.is_ascii_digit()) {
        return Err("format string should not contain decimals".to_owned());
    }
    let mut chars = layout.chars();
    let mut before = None;
    while let Some(c) = chars.next() {
        if c != '%' {
            before = Some(c);
            continue;
        }
        let Some(directive) = chars.next() else { break };
        // At the beginning there is no character before it that could be wrong.
        let fraction = matches!(directive, 'L' | 'f' | 's');
        if let Some(before) = before.filter(|it| fraction && !matches!(it, '.' | ',')) {
            return Err(format!(
                "invalid fractional seconds directive: '{before}%{directive}'. must be preceded with '.' or ','"
            ));
        }
        before = Some(directive);
    }
    Ok(())
}

/// The same layout in Go's notation.
///
/// # Errors
/// The Collector's texts.
pub(super) fn to_go(layout: &str) -> Result<String, String> {
    let mut native = String::with_capacity(layout.len() * 2);
    let mut unknown = Vec::new();
    let mut chars = layout.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            native.push(c);
            continue;
        }
        let Some(directive) = chars.next() else {
            native.push('%');
            break;
        };
        match directive_to_go(directive) {
            Some(text) => native.push_str(text),
            None => {
                unknown.push(format!("unsupported ctimefmt.ToNative() directive: %{directive}"));
            }
        }
    }
    if unknown.is_empty() {
        return Ok(native);
    }
    Err(format!("invalid strptime format: [{}]", unknown.join(" ")))
}

const fn directive_to_go(directive: char) -> Option<&'static str> {
    Some(match directive {
        'Y' => "2006",
        'y' => "06",
        'm' => "01",
        'o' => "_1",
        'q' => "1",
        'b' | 'h' => "Jan",
        'B' => "January",
        'd' => "02",
        'e' => "_2",
        'g' => "2",
        'a' => "Mon",
        'A' => "Monday",
        'H' => "15",
        'I' => "03",
        'l' => "3",
        'p' => "PM",
        'P' => "pm",
        'M' => "04",
        'S' => "05",
        'L' => "999",
        'f' => "999999",
        's' => "999999999",
        'z' => "Z0700",
        'Z' => "MST",
        'w' => "-070000",
        'i' => "-07",
        'j' => "-07:00",
        'k' => "-07:00:00",
        'D' | 'x' => "01/02/2006",
        'F' => "2006-01-02",
        'T' | 'X' => "15:04:05",
        'r' => "03:04:05 pm",
        'R' => "15:04",
        'n' => "\n",
        't' => "\t",
        '%' => "%",
        'c' => "Mon Jan 02 15:04:05 2006",
        _ => return None,
    })
}
