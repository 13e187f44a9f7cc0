use component::config::Value;
use serde_json::json;
use std::io::Read;
use std::sync::Arc;

fn any(v: pdata::ValueRef<'_>) -> serde_json::Value {
    use pdata::ValueRef as V;
    match v {
        V::Empty => json!({}),
        V::Str(s) => json!({"stringValue": s}),
        V::Bool(s) => json!({"boolValue": s}),
        V::Int(s) => json!({"intValue": s.to_string()}),
        V::Double(s) => json!({"doubleValue": s}),
        V::Bytes(s) => json!({"bytesValue": s}),
        V::Array(a) => {
            let l: Vec<_> = a.iter().map(any).collect();
            if l.is_empty() {
                json!({"arrayValue":{}})
            } else {
                json!({"arrayValue": {"values": l}})
            }
        }
        V::Map(m) => {
            let l = pairs(m);
            if l.is_empty() {
                json!({"kvlistValue":{}})
            } else {
                json!({"kvlistValue": {"values": l}})
            }
        }
    }
}
fn pairs(m: pdata::AttributesRef<'_>) -> Vec<serde_json::Value> {
    let mut l: Vec<(String, serde_json::Value)> =
        m.iter().map(|(k, v)| (k.to_owned(), json!({"key": k, "value": any(v)}))).collect();
    l.sort_by(|a, b| a.0.cmp(&b.0));
    l.into_iter().map(|x| x.1).collect()
}
fn main() {
    let mut s = String::new();
    std::io::stdin().read_to_string(&mut s).unwrap();
    let case: serde_json::Value = serde_json::from_str(&s).unwrap();
    let ops: Vec<Value> = serde_json::from_value(case["operators"].clone()).unwrap();
    let kv = |k: &str| -> Vec<(String, String)> {
        case[k]
            .as_object()
            .map(|o| o.iter().map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned())).collect())
            .unwrap_or_default()
    };
    let p = match stanza::Pipeline::new(
        &ops,
        stanza::Options { attributes: kv("attributes"), resource: kv("resource"), raw: false },
    ) {
        Ok(p) => p,
        Err(e) => {
            println!("ERROR {e}");
            return;
        }
    };
    let mut w = p.worker();
    for (i, f) in case["files"].as_array().unwrap().iter().enumerate() {
        let attrs = f["attributes"]
            .as_object()
            .unwrap()
            .iter()
            .map(|(k, v)| (k.clone(), v.as_str().unwrap().to_owned()))
            .collect();
        let meta = Arc::new(stanza::FileMeta {
            key: stanza::FileKey(i as u64),
            attributes: attrs,
            record_offset: false,
        });
        let mut at = 0u64;
        for l in f["lines"].as_array().unwrap() {
            let b: Vec<u8> =
                l.as_array().unwrap().iter().map(|x| x.as_u64().unwrap() as u8).collect();
            w.line(&meta, &b, at..at + b.len() as u64 + 1, None);
            at += b.len() as u64 + 1;
        }
    }
    w.flush_all();
    let b = w.take();
    for r in b.logs.resources() {
        let ra = pairs(r.attributes());
        for sc in r.scopes() {
            for l in sc.records() {
                let mut log = serde_json::Map::new();
                let at = pairs(l.attributes());
                if !at.is_empty() {
                    log.insert("attributes".into(), json!(at));
                }
                if let Some(b) = l.body() {
                    log.insert("body".into(), any(b));
                }
                if l.time_unix_nano() != 0 {
                    log.insert("timeUnixNano".into(), json!(l.time_unix_nano().to_string()));
                }
                if l.severity_number() != 0 {
                    log.insert("severityNumber".into(), json!(l.severity_number()));
                }
                if !l.severity_text().is_empty() {
                    log.insert("severityText".into(), json!(l.severity_text()));
                }
                if l.flags() != 0 {
                    log.insert("flags".into(), json!(l.flags()));
                }
                let hex = |b: &[u8]| b.iter().map(|x| format!("{x:02x}")).collect::<String>();
                if !l.trace_id().is_empty() {
                    log.insert("traceId".into(), json!(hex(l.trace_id())));
                }
                if !l.span_id().is_empty() {
                    log.insert("spanId".into(), json!(hex(l.span_id())));
                }
                let mut item = serde_json::Map::new();
                item.insert("log".into(), log.into());
                if !sc.scope().name().is_empty() {
                    item.insert("scope".into(), json!({"name": sc.scope().name()}));
                }
                if !ra.is_empty() {
                    item.insert("resource".into(), json!({"attributes": ra}));
                }
                println!("{}", serde_json::Value::Object(item));
            }
        }
    }
}
