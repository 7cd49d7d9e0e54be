//! Server-sent events, as far as a host sends them: `id` and `data`, in chunks that end anywhere.

/// One message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

/// Takes chunks and gives back the messages that they complete.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// The line that has no end yet.
    line: Vec<u8>,
    message: Message,
}

impl Decoder {
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Vec<Message> {
        let mut complete = Vec::new();
        for byte in chunk {
            if *byte != b'\n' {
                self.line.push(*byte);
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line)).into_owned();
            if let Some(message) = self.take_line(&line) {
                complete.push(message);
            }
        }
        complete
    }

    fn take_line(&mut self, line: &str) -> Option<Message> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            return (!message.data.is_empty()).then_some(message);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => self.message.id = Some(value.to_owned()),
            "data" => {
                if !self.message.data.is_empty() {
                    self.message.data.push('\n');
                }
                self.message.data.push_str(value);
            }
            // A comment that keeps the connection alive, or a field that says nothing to us.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_whole_wherever_the_chunks_end() {
        let bytes = ": alive\n\nid: a\ndata: {\"x\":\ndata:\"\u{e9}\"}\r\n\r\nevent: event\nid: b\ndata: 2\n\ndata: 3"
            .as_bytes();
        let message = |id: &str, data: &str| Message { id: Some(id.into()), data: data.into() };
        let expected = [message("a", "{\"x\":\n\"\u{e9}\"}"), message("b", "2")];
        for size in 1..=bytes.len() {
            let mut decoder = Decoder::default();
            let messages: Vec<_> = bytes.chunks(size).flat_map(|chunk| decoder.push(chunk)).collect();
            assert_eq!(messages, expected, "in chunks of {size}");
        }
    }
}
