use wardbell_core::origin::Origin;

use super::*;

fn read<'a>(body: &'a [u8], limits: &Limits) -> Result<Request<'a>, RequestError> {
    super::read(Dialect::ChatCompletions, body, limits)
}

fn told(body: &str) -> (String, String) {
    let error = read(body.as_bytes(), &Limits { depth_max: 16, messages_max: 3 }).unwrap_err();
    (error.kind().to_owned(), Value::from(error.loc()).to_string())
}

#[track_caller]
fn refused(body: &str, kind: &str, loc: &str) {
    assert_eq!(told(body), (kind.to_owned(), loc.to_owned()), "{body}");
}

/// Lists segments as `role message text`.
fn listed(body: &str) -> Vec<String> {
    let request = read(body.as_bytes(), &Limits::default()).unwrap();
    request
        .segments
        .iter()
        .map(|segment| {
            let message = segment.message().map_or("-".to_owned(), |message| message.to_string());
            format!("{:?} {message} {}", segment.origin, segment.text)
        })
        .collect()
}

const HELLO: &str = r#"[{"role":"user","content":"hello"}]"#;

#[test]
fn every_refusal_names_its_field() {
    refused("", "json_invalid", r#"["body",0]"#);
    refused("{", "json_invalid", r#"["body",1]"#);
    refused("[]", "object_expected", r#"["body"]"#);
    refused("{}", "missing", r#"["body","model"]"#);
    refused(r#"{"model":"m"}"#, "missing", r#"["body","messages"]"#);
    refused(r#"{"model":"m","messages":[]}"#, "too_short", r#"["body","messages"]"#);
    refused(r#"{"model":"m","messages":{}}"#, "type_error", r#"["body","messages"]"#);
    refused(r#"{"model":"m","messages":["x"]}"#, "message_expected", r#"["body","messages",0]"#);
    refused(r#"{"model":"m","messages":[{"content":"x"}]}"#, "message_expected", r#"["body","messages",0]"#);
    refused(r#"{"model":"m","messages":[{"role":1}]}"#, "message_expected", r#"["body","messages",0]"#);
    refused(&format!(r#"{{"model":1,"messages":{HELLO}}}"#), "type_error", r#"["body","model"]"#);
    refused(&format!(r#"{{"model":"","messages":{HELLO}}}"#), "type_error", r#"["body","model"]"#);
    refused(&format!(r#"{{"model":"m","stream":"yes","messages":{HELLO}}}"#), "type_error", r#"["body","stream"]"#);
    refused(&format!(r#"{{"model":"m","messages":{HELLO}}} x"#), "json_invalid", r#"["body",61]"#);
    let many = format!("[{}]", [r#"{"role":"user","content":"x"}"#; 4].join(","));
    refused(&format!(r#"{{"model":"m","messages":{many}}}"#), "too_long", r#"["body","messages"]"#);
    let deep = format!("{}{}", "[".repeat(16), "]".repeat(16));
    refused(&format!(r#"{{"model":"m","x":{deep},"messages":{HELLO}}}"#), "too_deep", r#"["body"]"#);
    assert_eq!(read(b"{\"a\":\"\xff\"}", &Limits::default()).unwrap_err(), RequestError::NotUtf8 { at: 6 });
}

#[test]
fn a_field_that_is_acted_on_stands_once_however_it_is_spelled() {
    refused(&format!(r#"{{"model":"m","mod\u0065l":"n","messages":{HELLO}}}"#), "duplicate", r#"["body","model"]"#);
    refused(
        &format!(r#"{{"model":"m","messages":{HELLO},"messages":{HELLO}}}"#),
        "duplicate",
        r#"["body","messages"]"#,
    );
    refused(
        &format!(r#"{{"model":"m","stream":null,"stream":true,"messages":{HELLO}}}"#),
        "duplicate",
        r#"["body","stream"]"#,
    );
    refused(
        r#"{"model":"m","messages":[{"role":"system","content":"x","role":"user"}]}"#,
        "duplicate",
        r#"["body","messages",0,"role"]"#,
    );
}

#[test]
fn an_empty_last_message_is_its_own_case() {
    for content in [
        r#""""#,
        r#""  \n""#,
        "null",
        "[]",
        "[{}]",
        r#"" \u0020""#,
        r#"[{"type":"text","text":" "}]"#,
        r#"[{"text":"","type":"text"},{"type":"text","text":null}]"#,
    ] {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user","content":{content}}}]}}"#);
        assert!(read(body.as_bytes(), &Limits::default()).unwrap_err().is_empty_last_message(), "{body}");
    }
    assert!(read(br#"{"model":"m","messages":[{"role":"user"}]}"#, &Limits::default()).is_err());
    for message in [
        r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}"#,
        r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://e.x/i.png"}}]}"#,
        r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}"#,
        r#"{"role":"user","content":["hi"]}"#,
        r#"{"content":"","tool_call_id":"c","role":"tool"}"#,
        r#"{"role":"tool","tool_call_id":"c"}"#,
        r#"{"role":"assistant","refusal":"no"}"#,
    ] {
        let body = format!(r#"{{"model":"m","messages":[{message}]}}"#);
        assert!(read(body.as_bytes(), &Limits::default()).is_ok(), "{body}");
    }
}

#[test]
fn text_hides_nowhere() {
    let body = r#"{"a key of mine":{"deeper":["x1"]},"model":"gpt","user":"x2","metadata":{"x3":"x4"},
        "messages":[
          {"content":"x5","role":"system","name":"x6"},
          {"role":"user","content":[{"type":"text","text":"x7"},{"type":"image_url","image_url":{"url":"https://x8"}}]},
          {"role":"assistant","content":null,"tool_calls":[{"id":"x9","type":"function",
             "function":{"name":"x10","arguments":"{\"a\":\"x11\"}"}}]},
          {"role":"tool","tool_call_id":"x12","content":"x13"}],
        "tools":[{"type":"function","function":{"name":"x14","description":"x15",
          "parameters":{"type":"object","properties":{"x16":{"type":"string","enum":["x17"]}}}}}],
        "response_format":{"type":"json_schema","json_schema":{"name":"x18","schema":{"description":"x19"}}}}"#;
    let all = listed(body).join("\n");
    for n in 1..=19 {
        assert!(all.contains(&format!("x{n}")), "x{n} in:\n{all}");
    }
    assert_eq!(
        listed(body),
        [
            "Other - a key of mine",
            "Other - deeper",
            "Other - x1",
            "Other - gpt",
            "Other - x2",
            "Other - x3",
            "Other - x4",
            "System 0 x5",
            "System 0 x6",
            "User 1 x7",
            "User 1 https://x8",
            "Assistant 2 x9",
            "Assistant 2 x10",
            "Assistant 2 {\"a\":\"x11\"}",
            "ToolResult 3 x12",
            "ToolResult 3 x13",
            "ToolDefinition - x14",
            "ToolDefinition - x15",
            "ToolDefinition - x16",
            "ToolDefinition - x17",
            "Other - x18",
            "Other - x19",
        ]
    );
}

#[test]
fn only_the_apis_own_words_are_exempt() {
    let body =
        r#"{"model":"m","messages":[{"role":"x 4111","content":[{"type":"y 4111"},{"type":"text","text":"z"}]}]}"#;
    assert_eq!(listed(body), ["Other - m", "Other 0 x 4111", "Other 0 y 4111", "Other 0 z"]);
}

#[test]
fn a_media_url_is_skipped_only_where_a_part_has_one() {
    const URL: &str = "data:image/png;base64,iVBORw0KGgo=";
    for (fields, scanned) in [
        (r#""content":[{"type":"image_url","image_url":{"url":"URL","detail":"low"}}]"#, false),
        (r#""content":[{"type":"text","text":"x"},{"image_url":{"detail":{},"url":"URL"}}]"#, false),
        (r#""content":[{"type":"input_image","image_url":"URL"}]"#, false),
        (r#""content":[{"type":"video_url","video_url":{"url":"URL"}}]"#, false),
        (r#""content":"URL""#, true),
        (r#""content":["URL"]"#, true),
        (r#""content":[["URL"]]"#, true),
        (r#""content":[{"type":"text","text":"URL"}]"#, true),
        (r#""content":[{"type":"text","url":"URL"}]"#, true),
        (r#""content":{"image_url":{"url":"URL"}}"#, true),
        (r#""content":{"content":{"image_url":{"url":"URL"}}}"#, true),
        (r#""content":[{"image_url":{"x":{"url":"URL"}}}]"#, true),
        (r#""content":[{"image_url":{"url":["URL"]}}]"#, true),
        (r#""content":[{"image_url":{"URL":"y"}}]"#, true),
        (r#""content":[{"x":{"image_url":{"url":"URL"}}}]"#, true),
        (r#""content":"x","image_url":{"url":"URL"}"#, true),
        (r#""content":"x","tool_calls":[{"image_url":{"url":"URL"}}]"#, true),
        (r#""role\u0000":[{"image_url":{"url":"URL"}}],"content":"x""#, true),
    ] {
        let body = format!(r#"{{"model":"m","messages":[{{"role":"user",{fields}}}]}}"#).replace("URL", URL);
        assert_eq!(listed(&body).iter().any(|line| line.contains(URL)), scanned, "{body}");
    }
    let body = format!(r#"{{"model":"m","content":[{{"image_url":{{"url":"{URL}"}}}}],"messages":{HELLO}}}"#);
    assert!(listed(&body).iter().any(|line| line.contains(URL)));
}

#[test]
fn a_key_holds_its_meaning_only_for_what_is_right_below_it() {
    // After the part is over, the list's own strings are under `x` again, not under `type`.
    let body = r#"{"model":"m","x":[{"type":"text"},"text",{"type":["string","y"]}],"messages":[{"role":"user","content":"z"}]}"#;
    assert_eq!(listed(body), ["Other - m", "Other - x", "Other - text", "Other - y", "User 0 z"]);
}

#[test]
fn nothing_hides_behind_a_duplicate_key() {
    let body = r#"{"model":"m","user":"x1","user":"x2",
        "messages":[{"content":"x3","role":"user","content":[{"text":"x4","text":"x5"}],"content":null}]}"#;
    assert_eq!(listed(body), ["Other - m", "Other - x1", "Other - x2", "User 0 x3", "User 0 x4", "User 0 x5"]);
}

#[test]
fn a_path_tells_where_a_segment_stands_without_telling_the_callers_words() {
    let body = r#"{"model":"m","metadata":{"jane@example.com":"x"},
        "messages":[{"role":"user","content":[{"type":"text","text":"y"}]}]}"#;
    let request = read(body.as_bytes(), &Limits::default()).unwrap();
    let all: Vec<usize> = (0..=request.segments.len()).collect();
    assert_eq!(request.paths(&all), ["model", "metadata.*#key", "metadata.*", "messages[0].content[0].text", ""]);
}

#[test]
fn what_a_body_can_buy_is_bounded() {
    let texts =
        |count: usize| format!(r#"{{"model":"m","messages":{HELLO},"x":[{}"a"]}}"#, r#""a","#.repeat(count - 4));
    let request_of = |body: &str| read(body.as_bytes(), &Limits::default()).map(|request| request.segments.len());
    // The model, a content and the key `x` are texts too.
    assert_eq!(request_of(&texts(SEGMENTS_MAX)), Ok(SEGMENTS_MAX));
    assert_eq!(request_of(&texts(SEGMENTS_MAX + 1)), Err(RequestError::TooManyTexts));
    let empty = format!(r#"{{"model":"m","messages":{HELLO},"x":[{}1]}}"#, r#""","#.repeat(1_000_000));
    assert_eq!(request_of(&empty), Ok(3));
    assert!(size_of::<Segment<'_>>() <= 104);
}

#[test]
fn ten_megabytes_of_anything_are_read_in_one_walk() {
    let mut big = Vec::new();
    for unit in ["a", r"\n", r"\ud83d", "é", r"\\"] {
        let text = unit.repeat(10_000_000 / unit.len());
        big.push(format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}x"}}]}}"#));
    }
    for unit in ["[],", "{},", r#"{"type":1},"#, "1e+9,", "          1,"] {
        let values = unit.repeat(10_000_000 / unit.len());
        big.push(format!(r#"{{"model":"m","messages":{HELLO},"user":[{values}0]}}"#));
    }
    for body in big {
        assert!(read(body.as_bytes(), &Limits::default()).is_ok(), "{:?}", body.get(..99));
    }
    for bomb in ["[", r#"{"a":"#, r#"[{"a":"#] {
        let body = format!(r#"{{"model":"m","x":{}"#, bomb.repeat(10_000_000 / bomb.len()));
        let error = read(body.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(error, RequestError::TooDeep { max: json::DEPTH_MAX });
    }
    let image = format!(
        r#"{{"model":"m","messages":[{{"role":"user","content":[{{"image_url":{{"url":"data:image/png;base64,{}"}}}}]}}]}}"#,
        r"AA\/A".repeat(2_000_000)
    );
    assert_eq!(read(image.as_bytes(), &Limits::default()).unwrap().segments.len(), 1);
}

#[test]
fn awkward_but_legal_json_is_read() {
    let body = "\r\n{ \"model\" : \"m\\u002d1\" ,\t\"temperature\":1E+2,\"top_p\":-0.0,\"x\":1,\"x\":2, \
                \"messages\":[ { \"content\" : \"\\/\\ud83d\\ude00\\ud800\" , \"role\":\"user\" } ] }\n";
    let request = read(body.as_bytes(), &Limits::default()).unwrap();
    let model = request.model.unwrap();
    assert_eq!(model.name, "m-1");
    assert_eq!(body.get(model.place).unwrap(), "m\\u002d1");
    let text = request.segments.iter().find(|segment| segment.origin == Origin::User).unwrap();
    assert_eq!(text.text, "/😀\u{fffd}");
}

const EVERY: &[(Dialect, &str)] = &[
    (Dialect::ChatCompletions, r#"{"model":"m","messages":[{"role":"user","content":CONTENT}]}"#),
    (Dialect::Responses, r#"{"model":"m","input":[{"role":"user","content":CONTENT}]}"#),
    (Dialect::Completions, r#"{"model":"m","prompt":["x",CONTENT]}"#),
    (Dialect::Embeddings, r#"{"model":"m","input":["x",CONTENT]}"#),
    (Dialect::Messages, r#"{"model":"m","messages":[{"role":"user","content":CONTENT}]}"#),
    (Dialect::Gemini, r#"{"contents":[{"role":"user","parts":CONTENT}]}"#),
    (Dialect::CohereChat, r#"{"messages":[{"role":"user","content":CONTENT}]}"#),
    (Dialect::Generic, r#"{"jsonrpc":"2.0","result":{"messages":[{"role":"user","content":CONTENT}]}}"#),
];

#[test]
fn hostile_shapes_are_read_in_one_walk_in_every_dialect() {
    for (dialect, frame) in EVERY {
        for unit in ["[],", "{},", r#"{"type":1},"#, r#"{"source":{"data":"AAAA"}},"#, r#"{"inlineData":{}},"#] {
            let body = frame.replace("CONTENT", &format!("[{}1]", unit.repeat(1_000_000 / unit.len())));
            assert!(super::read(*dialect, body.as_bytes(), &Limits::default()).is_ok(), "{dialect:?} {unit}");
        }
        let body = frame.replace("CONTENT", &"[{\"content\":".repeat(100_000));
        let error = super::read(*dialect, body.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(error, RequestError::TooDeep { max: json::DEPTH_MAX }, "{dialect:?}");
    }
}

#[test]
fn base64_is_exempt_only_beside_one_media_type_where_the_api_takes_media() {
    for (dialect, content, scanned) in [
        (Dialect::Messages, r#"[{"source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]"#, false),
        (Dialect::Messages, r#"[{"source":{"data":"AAAA","type":"base64","media_type":"image/png"}}]"#, false),
        (Dialect::Messages, r#"[{"source":{"type":"text","media_type":"image/png","data":"AAAA"}}]"#, true),
        (Dialect::Messages, r#"[{"source":{"type":"base64","media_type":"text/plain","data":"AAAA"}}]"#, true),
        (
            Dialect::Messages,
            r#"[{"source":{"type":"base64","media_type":"image/png","data":"AAAA","data":"x"}}]"#,
            true,
        ),
        (Dialect::Messages, r#"[{"source":{"media_type":"text/plain","media_type":"image/png","data":"AAAA"}}]"#, true),
        (Dialect::Messages, r#"{"source":{"type":"base64","media_type":"image/png","data":"AAAA"}}"#, true),
        (Dialect::Messages, r#"[{"x":{"source":{"media_type":"image/png","data":"AAAA"}}}]"#, true),
        (Dialect::Messages, r#"[{"source":{"type":"base64","media_type":"image/png","data":["AAAA"]}}]"#, true),
        (Dialect::Gemini, r#"[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]"#, false),
        (Dialect::Gemini, r#"[{"functionResponse":{"response":{"mimeType":"image/png","data":"AAAA"}}}]"#, true),
        (Dialect::Gemini, r#"[{"inlineData":{"mimeType":"image/svg+xml","data":"AAAA"}}]"#, true),
        (Dialect::Generic, r#"{"type":"image","mimeType":"image/png","data":"AAAA"}"#, false),
        (Dialect::Generic, r#"{"type":"text","mimeType":"image/png","data":"AAAA"}"#, true),
        (Dialect::Responses, r#"[{"image_url":"data:image/png;base64,AAAA"}]"#, false),
        (Dialect::Responses, r#"[{"text":"data:image/png;base64,AAAA"}]"#, true),
    ] {
        let frame = EVERY.iter().find(|(every, _)| *every == dialect).unwrap().1;
        let body = frame.replace("CONTENT", content);
        let request = super::read(dialect, body.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(request.segments.iter().any(|segment| segment.text.ends_with("AAAA")), scanned, "{body}");
    }
}

#[test]
fn refusals_name_the_fields_of_the_dialect() {
    for (dialect, body, expect) in [
        (Dialect::Responses, r#"{"input":"x"}"#, "`model` is missing; add it to the body"),
        (Dialect::Responses, r#"{"model":"m","input":["x"]}"#, "input[0] must be an object"),
        (
            Dialect::Responses,
            r#"{"model":"m","input":[{"type":"function_call_output","type":"message"}]}"#,
            "input[0] has `type` more than once; send it once",
        ),
        (
            Dialect::Responses,
            r#"{"model":"m","previous_response_id":"a","previous_response_id":"b"}"#,
            "`previous_response_id` stands in the body more than once; send it once",
        ),
        (Dialect::Completions, r#"{"model":"m"}"#, "`prompt` is missing; add it to the body"),
        (Dialect::Embeddings, r#"{"model":"m","input":[]}"#, "`input` is empty; send at least one input"),
        (
            Dialect::Messages,
            r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","type":"tool_result"}]}]}"#,
            "messages[0] has `type` more than once; send it once",
        ),
        (Dialect::Messages, r#"{"model":"m","messages":[{}]}"#, "messages[0] must be an object with a `role`"),
        (Dialect::Gemini, "[]", "the body must be a JSON object with `contents`"),
        (
            Dialect::Gemini,
            r#"{"contents":"x"}"#,
            "`contents` has a value of another type; it must be a list of contents",
        ),
        (Dialect::CohereChat, "{}", "`messages` is missing; add it to the body"),
        (Dialect::CohereChat, r#"{"message":1}"#, "`message` has a value of another type; it must be a string"),
        (Dialect::Generic, "{", "the body is not valid JSON: unexpected end at byte 1; correct it there"),
    ] {
        let error = super::read(dialect, body.as_bytes(), &Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), expect, "{body}");
    }
}

#[test]
fn a_model_may_stand_in_the_path_or_in_a_kept_prompt() {
    let call = crate::dialect::call("openai/deployments/d/chat/completions");
    let body = format!(r#"{{"messages":{HELLO}}}"#);
    assert_eq!(read_call(&call, body.as_bytes(), &Limits::default()).unwrap().model, None);
    let kept = br#"{"prompt":{"id":"pmpt_1"}}"#;
    assert!(super::read(Dialect::Responses, kept, &Limits::default()).is_ok());
}
