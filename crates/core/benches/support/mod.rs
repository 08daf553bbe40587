//! Documents for the JSON benchmarks, and a comparison that a noisy machine does not spoil.
#![allow(dead_code)]

use std::collections::HashSet;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

/// Many documents of about one size, so that no branch predictor learns one by heart.
pub struct Corpus {
    pub name: &'static str,
    pub documents: Vec<Vec<u8>>,
}

impl Corpus {
    pub fn bytes(&self) -> usize {
        self.documents.iter().map(Vec::len).sum()
    }
}

fn read(path: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../node_modules").join(path);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e} (npm install first)", path.display()))
}

/// The bytes of every object in `json` with a size in `sizes`, each text once, the outermost only.
fn objects(json: &[u8], sizes: std::ops::Range<usize>) -> Vec<Vec<u8>> {
    let (mut open, mut found, mut seen) = (Vec::new(), Vec::<(usize, usize)>::new(), HashSet::new());
    let mut at = 0;
    while at < json.len() {
        match json[at] {
            b'"' => {
                at += 1;
                while json[at] != b'"' {
                    at += 1 + usize::from(json[at] == b'\\');
                }
            }
            b'{' => open.push(at),
            b'}' => {
                let start = open.pop().expect("valid JSON");
                if sizes.contains(&(at + 1 - start)) {
                    while found.last().is_some_and(|inner| inner.0 > start) {
                        found.pop();
                    }
                    found.push((start, at + 1));
                }
            }
            _ => {}
        }
        at += 1;
    }
    let texts = found.into_iter().map(|(start, end)| json[start..end].to_vec());
    texts.filter(|text| seen.insert(text.clone())).collect()
}

/// Webhook payloads and browser data: 1 KB, 24 KB, 500 KB, and 500 KB with indentation.
pub fn corpora() -> Vec<Corpus> {
    let hooks = read("@octokit/webhooks-examples/api.github.com/index.json");
    let compat = read("@mdn/browser-compat-data/data.json");
    let mut rng = Rng(42);
    let mut small = objects(&hooks, 700..1400);
    rng.shuffle(&mut small);
    let mut middle = objects(&hooks, 16_000..32_000);
    rng.shuffle(&mut middle);
    let mut events = objects(&hooks, 5_000..32_000);
    let mut large = Vec::new();
    for _ in 0..6 {
        rng.shuffle(&mut events);
        let mut document = b"[".to_vec();
        for event in &events {
            document.extend_from_slice(event);
            document.push(b',');
            if document.len() > 480_000 {
                break;
            }
        }
        *document.last_mut().expect("not empty") = b']';
        large.push(document);
    }
    let mut data = objects(&compat, 300_000..800_000);
    data.truncate(6);
    let pretty = large.iter().chain(&data).map(|text| {
        let value: serde_json::Value = serde_json::from_slice(text).expect("valid JSON");
        serde_json::to_vec_pretty(&value).expect("a value")
    });
    vec![
        Corpus { name: "1 KB", documents: small },
        Corpus { name: "24 KB", documents: middle },
        Corpus { name: "500 KB hooks", documents: large.clone() },
        Corpus { name: "500 KB compat", documents: data.clone() },
        Corpus { name: "pretty", documents: pretty.collect() },
    ]
}

/// Events of about 1 KB around people of the hooks.
pub fn events() -> Corpus {
    let hooks = read("@octokit/webhooks-examples/api.github.com/index.json");
    let mut documents = Vec::new();
    for (i, person) in objects(&hooks, 700..1000).iter().enumerate() {
        let person = String::from_utf8_lossy(person);
        let number = i * 7919 % 100_003;
        documents.push(
            format!(
                r#"{{"action":"opened","number":{number},"sender":{person},"repository":{{"id":{number},"name":"r{number}","full_name":"org/r{number}","private":false,"owner":{{"login":"org","id":{number}}}}},"head_commit":{{"id":"{number:040x}","message":"m"}}}}"#
            )
            .into_bytes(),
        );
    }
    let mut rng = Rng(5);
    rng.shuffle(&mut documents);
    Corpus { name: "1 KB events", documents }
}

pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, (self.next() % (i as u64 + 1)) as usize);
        }
    }
}

/// The time that this thread has had on a processor: on a busy machine, others' turns do not count.
#[cfg(target_os = "linux")]
fn thread_time() -> Duration {
    #[repr(C)]
    struct Time {
        seconds: i64,
        nanoseconds: i64,
    }
    unsafe extern "C" {
        fn clock_gettime(clock: i32, time: *mut Time) -> i32;
    }
    const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
    let mut time = Time { seconds: 0, nanoseconds: 0 };
    // SAFETY: `time` has the layout of `struct timespec` on 64-bit Linux and outlives the call.
    assert_eq!(unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) }, 0);
    Duration::new(time.seconds as u64, time.nanoseconds as u32)
}

#[cfg(not(target_os = "linux"))]
fn thread_time() -> Duration {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed()
}

/// What is compared: it returns a number that is the same for all, or is worth keeping.
pub type Contender<'a> = (&'static str, Box<dyn FnMut(&[u8]) -> usize + 'a>);

/// Runs all contenders (or those that `ONLY` names, with bars between) in shuffled rounds and prints GB/s and time against the first by medians of processor time.
pub fn compare(corpus: &Corpus, contenders: &mut [Contender<'_>]) {
    let rounds = std::env::var("ROUNDS").ok().and_then(|r| r.parse().ok()).unwrap_or(15);
    let only = std::env::var("ONLY").unwrap_or_default();
    let named = |name: &str| only.is_empty() || only.split('|').any(|own| own == name);
    let mut contenders: Vec<_> = contenders.iter_mut().filter(|contender| named(contender.0)).collect();
    let mut rng = Rng(7);
    let mut times = vec![Vec::new(); contenders.len()];
    let mut order: Vec<usize> = (0..contenders.len()).collect();
    for _ in 0..rounds {
        rng.shuffle(&mut order);
        for &i in &order {
            let run = &mut contenders[i].1;
            let (start, mut passes) = (thread_time(), 0u32);
            while passes == 0 || thread_time() - start < Duration::from_millis(3) {
                for document in &corpus.documents {
                    black_box(run(black_box(document)));
                }
                passes += 1;
            }
            times[i].push((thread_time() - start).as_secs_f64() / f64::from(passes));
        }
    }
    let median = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times[times.len() / 2]
    };
    let medians: Vec<f64> = times.iter_mut().map(median).collect();
    let (bytes, count) = (corpus.bytes() as f64, corpus.documents.len() as f64);
    println!("{} ({count} documents, {:.1} KB on average)", corpus.name, bytes / count / 1e3);
    for (i, contender) in contenders.iter().enumerate() {
        let name = contender.0;
        let (gbps, each) = (bytes / medians[i] / 1e9, medians[i] / count * 1e6);
        println!("  {name:32} {gbps:6.2} GB/s {each:9.2} us  x{:.2}", medians[0] / medians[i]);
    }
}
