//! Measures kube-rs's watcher and reflector against a server that benchmarks/ started.
//!
//!     kube-rs-peer MEASURE URL NUMBER
//!
//! It prints one JSON line: counts, seconds, bytes, and versions.

mod clocks;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clocks::{Span, lateness, reset_peak, settled, status, tick};
use futures::{Stream, StreamExt};
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::reflector::{self, Store};
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};

type Reading = fn(&Pod) -> usize;
type Failure = Box<dyn std::error::Error>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().collect();
    let [_, measure, url, number] = args.as_slice() else {
        return Err("usage: kube-rs-peer MEASURE URL NUMBER".into());
    };
    let number = number.parse()?;
    let listed = watcher::Config::default();
    let streamed = watcher::Config::default().streaming_lists();
    let mut result = match measure.as_str() {
        "events" => events(url, number, key_and_labels).await?,
        "events-whole" => events(url, number, spec_and_status).await?,
        "sync-paged" => first_sync(url, listed, number).await?,
        "sync-streamed" => first_sync(url, streamed, number).await?,
        "relist" => relist(url, listed, number).await?,
        "first" => first_event(url, streamed).await?,
        _ => return Err(format!("no measure {measure}").into()),
    };
    result["versions"] = versions();
    println!("{result}");
    Ok(())
}

fn versions() -> Value {
    let mut versions = json!({"rustc": env!("RUSTC_VERSION")});
    for package in include_str!("../Cargo.lock").split("[[package]]") {
        let field = |name: &str| {
            package
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))
                .map(|value| value.trim_matches('"'))
        };
        if let (Some(name @ ("kube" | "k8s-openapi")), Some(version)) =
            (field("name"), field("version"))
        {
            versions[name] = version.into();
        }
    }
    versions
}

fn key_and_labels(pod: &Pod) -> usize {
    pod.namespace().unwrap_or_default().len() + pod.name_any().len() + pod.labels().len()
}

/// Reads from both: they were decoded before the event was handed out.
fn spec_and_status(pod: &Pod) -> usize {
    let containers = pod.spec.as_ref().map_or(0, |spec| spec.containers.len());
    let ip = pod
        .status
        .as_ref()
        .and_then(|status| status.pod_ip.as_ref())
        .map_or(0, String::len);
    containers + ip
}

/// A cache of all pods, and the stream that keeps it when it is read.
fn reflected(
    url: &str,
    config: watcher::Config,
) -> Result<(Store<Pod>, impl Stream<Item = watcher::Result<Event<Pod>>>), Failure> {
    let client = Client::try_from(kube::Config::new(url.parse()?))?;
    let (store, writer) = reflector::store();
    Ok((
        store,
        reflector::reflector(writer, watcher(Api::<Pod>::all(client), config)),
    ))
}

/// The time from the first event after the list to the last.
async fn events(url: &str, count: usize, read: Reading) -> Result<Value, Failure> {
    let (_store, stream) = reflected(url, watcher::Config::default())?;
    let mut stream = pin!(stream);
    let (mut seen, mut touched, mut started) = (0, 0, Span::now());
    while let Some(event) = stream.next().await {
        if let Event::Apply(pod) = event? {
            if seen == 0 {
                started = Span::now();
            }
            touched += read(&pod);
            seen += 1;
            if seen == count {
                break;
            }
        }
    }
    let mut result = started.since();
    result["count"] = count.into();
    result["touched"] = touched.into();
    Ok(result)
}

/// The time until the cache is synced, and the memory that it takes from then on.
async fn first_sync(url: &str, config: watcher::Config, pods: usize) -> Result<Value, Failure> {
    let (store, stream) = reflected(url, config)?;
    let mut stream = pin!(stream);
    let before = settled();
    let started = Span::now();
    while let Some(event) = stream.next().await {
        if matches!(event?, Event::InitDone) {
            break;
        }
    }
    let mut result = started.since();
    if store.len() != pods {
        return Err(format!("{} of {pods} pods are in the cache", store.len()).into());
    }
    let peak = status("VmHWM");
    result["count"] = pods.into();
    result["resident"] = (settled() - before).into();
    result["peak"] = (peak - before).into();
    Ok(result)
}

/// Has the watch expire, and looks at what the following list does: to memory, to consumers, to other tasks.
async fn relist(url: &str, config: watcher::Config, pods: usize) -> Result<Value, Failure> {
    let (_store, stream) = reflected(url, config)?;
    let mut stream = pin!(stream);
    while !matches!(stream.next().await.ok_or("ended")??, Event::InitDone) {}
    // The watch is only opened by a further read, and there is nothing to read from it yet.
    let _ = tokio::time::timeout(Duration::from_millis(300), stream.next()).await;
    let steady = settled();
    let late = tick();
    reset_peak();
    let started = Span::now();
    let expiring = expire(url)?;
    let mut seen = 0;
    loop {
        match stream.next().await.ok_or("ended")? {
            Ok(Event::InitDone) => break,
            Ok(Event::Init) | Err(_) => {}
            Ok(_) => seen += 1,
        }
    }
    drop(expiring);
    let mut result = started.since();
    tokio::time::sleep(Duration::from_millis(200)).await;
    result["count"] = pods.into();
    result["steady"] = steady.into();
    result["peak"] = status("VmHWM").into();
    result["events"] = seen.into();
    result["late"] = lateness(&late).into();
    Ok(result)
}

fn expire(url: &str) -> Result<TcpStream, Failure> {
    let mut connection = TcpStream::connect(url.trim_start_matches("http://"))?;
    connection.write_all(b"GET /replay/expire HTTP/1.1\r\nHost: replay\r\n\r\n")?;
    connection.read_exact(&mut [0; 12])?;
    Ok(connection)
}

/// When the first object arrived, by the clock that the caller started the process by.
async fn first_event(url: &str, config: watcher::Config) -> Result<Value, Failure> {
    let (_store, stream) = reflected(url, config)?;
    let mut stream = pin!(stream);
    loop {
        if let Event::InitApply(pod) | Event::Apply(pod) = stream.next().await.ok_or("ended")?? {
            let touched = key_and_labels(&pod);
            return Ok(
                json!({"at": SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64(), "touched": touched}),
            );
        }
    }
}
