use super::*;

#[test]
fn the_observer_sees_usage_and_the_end() {
    let stream = b"data: {\"usage\":null}\n\ndata: {\"usage\":{\"prompt_tokens\":2,\"completion_tokens\":1}}\n\ndata: [DONE]\n\n";
    let mut observer = StreamObserver::new(Dialect::ChatCompletions);
    let mark_end = stream.len() - "\n\n".len();
    for (at, byte) in stream.iter().enumerate() {
        assert_eq!(observer.is_done(), at >= mark_end, "{at}");
        observer.push(&[*byte]);
    }
    assert!(observer.is_done() && !observer.has_failed());
    assert_eq!(observer.usage(), Some(Usage { input_tokens: 2, output_tokens: 1, ..Usage::default() }));
    assert_eq!(observer.skipped(), 0);
}

#[test]
fn the_observer_needs_no_last_blank_line() {
    for end in ["", "\n", "\r", "\r\n\r\n"] {
        let mut observer = StreamObserver::new(Dialect::ChatCompletions);
        observer.push(format!("data: {{\"usage\":{{\"prompt_tokens\":2}}}}{end}").as_bytes());
        assert_eq!(observer.usage(), Some(Usage { input_tokens: 2, output_tokens: 0, ..Usage::default() }), "{end:?}");
        assert!(!observer.is_done());
    }
}

#[test]
fn the_observer_sees_an_error_amid_the_stream() {
    let mut observer = StreamObserver::new(Dialect::ChatCompletions);
    observer.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"\\\"error\\\": {\\\"error\\\":1}\"}}]}\n\n");
    observer.push(b"data: {\"choices\":[{\"error\":{}}],\"error\":null}\n\n");
    assert!(!observer.has_failed());
    observer.push(b"event: error\ndata: {\"error\":{\"message\":\"overloaded\"}}\n\ndata: [DONE]\n\n");
    assert!(observer.has_failed() && observer.is_done());
}
