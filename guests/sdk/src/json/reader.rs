//! The text, token by token. Nothing here is generic: it is in a component once.

use std::borrow::Cow;

use super::DEPTH_MAX;
use crate::codec_error::CodecError;

/// Where the text is read.
pub(super) struct Reader<'de> {
    text: &'de str,
    /// The next byte. Always at the beginning of a character.
    at: usize,
    depth: u8,
}

/// What stands next, as far as its first byte tells.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Null,
    True,
    False,
    Number,
    String,
    Array,
    Object,
}

/// A number, by its text. It conforms to JSON's grammar.
#[derive(Clone, Copy)]
pub(super) struct Number<'de> {
    pub(super) text: &'de str,
    /// It has neither a fraction nor an exponent, and is no negative zero, which only a float is.
    pub(super) is_whole: bool,
}

impl<'de> Reader<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// The error with the place that the reader has come to.
    #[cold]
    pub(super) fn locate(&self, error: CodecError) -> CodecError {
        let (mut line, mut column) = (1, 0);
        for &byte in self.text.as_bytes().get(..self.at).unwrap_or_default() {
            (line, column) = if byte == b'\n' { (line + 1, 0) } else { (line, column + 1) };
        }
        error.located(line, column)
    }

    /// Nothing but white space is left.
    pub(super) fn end(&mut self) -> Result<(), CodecError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.locate(CodecError::new("trailing characters"))),
        }
    }

    /// Nothing at all is left.
    pub(super) fn is_used_up(&self) -> bool {
        self.at == self.text.len()
    }

    fn rest(&self) -> &'de [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// What was read since. By `get`, as a panic at a character's boundary would link the formatting of characters.
    fn since(&self, start: usize) -> &'de str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    /// Takes `wanted` if it stands next.
    fn take(&mut self, wanted: u8) -> bool {
        let is_next = self.peek() == Some(wanted);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn next(&mut self) -> Result<Next, CodecError> {
        Ok(match self.peek() {
            Some(b'n') => Next::Null,
            Some(b't') => Next::True,
            Some(b'f') => Next::False,
            Some(b'"') => Next::String,
            Some(b'[') => Next::Array,
            Some(b'{') => Next::Object,
            Some(b'-' | b'0'..=b'9') => Next::Number,
            Some(_) => return Err(CodecError::new("expected value")),
            None => return Err(CodecError::new("EOF while parsing a value")),
        })
    }

    /// Takes `null`, `true` or `false`.
    pub(super) fn word(&mut self, next: Next) -> Result<(), CodecError> {
        let word = match next {
            Next::True => "true",
            Next::False => "false",
            _ => "null",
        };
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(CodecError::new("expected ident"));
        }
        self.at += word.len();
        Ok(())
    }

    pub(super) fn number(&mut self) -> Result<Number<'de>, CodecError> {
        let start = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        let starts_with_zero = self.byte() == Some(b'0');
        let digits = self.digits();
        if digits == 0 || (starts_with_zero && digits > 1) {
            return Err(CodecError::new("invalid number"));
        }
        let whole_end = self.at;
        if self.byte() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(CodecError::new("invalid number"));
            }
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            if self.digits() == 0 {
                return Err(CodecError::new("invalid number"));
            }
        }
        let text = self.since(start);
        Ok(Number { text, is_whole: self.at == whole_end && text != "-0" })
    }

    /// Takes digits, and tells how many there were.
    fn digits(&mut self) -> usize {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        self.at - start
    }

    /// Takes a string, borrowed unless it has escapes.
    pub(super) fn string(&mut self) -> Result<Cow<'de, str>, CodecError> {
        self.at += 1;
        let start = self.at;
        self.plain();
        let plain = self.since(start);
        if self.byte() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut unescaped = plain.to_owned();
        loop {
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    unescaped.push(self.escape()?);
                }
                Some(_) => {
                    let message = "control character (\\u0000-\\u001F) found while parsing a string";
                    return Err(CodecError::new(message));
                }
                None => return Err(CodecError::new("EOF while parsing a string")),
            }
            let start = self.at;
            self.plain();
            unescaped.push_str(self.since(start));
        }
        self.at += 1;
        Ok(Cow::Owned(unescaped))
    }

    /// Goes on to the next quote, backslash or control character.
    fn plain(&mut self) {
        while let Some(byte) = self.byte()
            && byte != b'"'
            && byte != b'\\'
            && byte >= b' '
        {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<char, CodecError> {
        let Some(byte) = self.byte() else { return Err(CodecError::new("EOF while parsing a string")) };
        let plain = match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode_escape();
            }
            _ => return Err(CodecError::new("invalid escape")),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode_escape(&mut self) -> Result<char, CodecError> {
        let first = self.hex()?;
        if !(0xD800..0xE000).contains(&first) {
            return char::from_u32(first).ok_or_else(|| CodecError::new("invalid unicode code point"));
        }
        let alone = || CodecError::new("lone leading surrogate in hex escape");
        if first >= 0xDC00 || !self.rest().starts_with(b"\\u") {
            return Err(alone());
        }
        self.at += 2;
        let second = self.hex()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(alone());
        }
        let code = 0x1_0000 + ((first - 0xD800) << 10) + (second - 0xDC00);
        char::from_u32(code).ok_or_else(|| CodecError::new("invalid unicode code point"))
    }

    fn hex(&mut self) -> Result<u32, CodecError> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| CodecError::new("invalid escape"))?;
            self.at += 1;
        }
        Ok(code)
    }

    /// Takes the bracket that begins an array or an object.
    pub(super) fn open(&mut self) -> Result<(), CodecError> {
        self.at += 1;
        if self.depth == DEPTH_MAX {
            return Err(CodecError::new("recursion limit exceeded"));
        }
        self.depth += 1;
        Ok(())
    }

    /// Takes the bracket that ends one.
    pub(super) fn close(&mut self, bracket: u8) -> Result<(), CodecError> {
        self.depth -= 1;
        if self.take(bracket) { Ok(()) } else { Err(self.unended(bracket)) }
    }

    #[cold]
    fn unended(&mut self, bracket: u8) -> CodecError {
        CodecError::new(match (self.peek(), bracket) {
            (None, b']') => "EOF while parsing a list",
            (None, _) => "EOF while parsing an object",
            (Some(b','), _) => "trailing characters",
            (Some(_), b']') => "expected `,` or `]`",
            (Some(_), _) => "expected `,` or `}`",
        })
    }

    /// Whether another element or key stands before the bracket; takes the comma before it.
    pub(super) fn another(&mut self, is_first: &mut bool, bracket: u8) -> Result<bool, CodecError> {
        let was_first = std::mem::replace(is_first, false);
        match self.peek() {
            Some(byte) if byte == bracket => return Ok(false),
            Some(b',') if !was_first => self.at += 1,
            Some(_) if was_first => {}
            _ => return Err(self.unended(bracket)),
        }
        match self.peek() {
            Some(byte) if byte == bracket => Err(CodecError::new("trailing comma")),
            Some(byte) if byte != b'"' && bracket == b'}' => Err(CodecError::new("key must be a string")),
            Some(_) => Ok(true),
            None => Err(CodecError::new("EOF while parsing a value")),
        }
    }

    pub(super) fn colon(&mut self) -> Result<(), CodecError> {
        if self.take(b':') { Ok(()) } else { Err(CodecError::new("expected `:`")) }
    }

    /// Takes a value of any kind.
    pub(super) fn skip(&mut self) -> Result<(), CodecError> {
        let next = self.next()?;
        match next {
            Next::Null | Next::True | Next::False => self.word(next),
            Next::Number => self.number().map(drop),
            Next::String => self.string().map(drop),
            Next::Array | Next::Object => {
                let bracket = if next == Next::Array { b']' } else { b'}' };
                self.open()?;
                let mut is_first = true;
                while self.another(&mut is_first, bracket)? {
                    if next == Next::Object {
                        self.string()?;
                        self.colon()?;
                    }
                    self.skip()?;
                }
                self.close(bracket)
            }
        }
    }
}
