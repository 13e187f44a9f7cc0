//! `scrapers: nfs:`: what the kernel's client and server of NFS count, in /proc/net/rpc.

use component::Problems;
use pdata::Value;
use scraping::{BlockingScraper, Builder, Errors, MetricsSection, ResourceSection, Scraped};
use serde::{Deserialize, Serialize};

use crate::machine::{Files, Machine};
use crate::nfs_names::{CLIENT_V4, PROCEDURES_V3, SERVER_V4, SERVER_V4_OPERATIONS};
use crate::text::{fields, lines, number, text};

/// How many numbers are missed when the file of the client cannot be read. Upstream's number.
const CLIENT: u64 = 97;
/// The same of the server.
const SERVER: u64 = 115;
/// Most numbers in a line: the kernel has a name for fewer calls.
const NUMBERS_MAX: usize = 512;

scraping::catalog! {
    /// Metrics of the scraper `nfs`.
    pub enum Table: crate::scope!("nfs"), crate::SCHEMA_URL;
    metrics {
        ClientNetCount = Metric::counter(
            "nfs.client.net.count",
            "{record}",
            "Reports the count of kernel NFS client TCP segments and UDP datagrams handled.",
            Int,
        ).by(&["network.transport"]);
        ClientNetTcpConnectionAccepted = Metric::counter(
            "nfs.client.net.tcp.connection.accepted",
            "{connection}",
            "Reports the count of kernel NFS client TCP connections accepted",
            Int,
        );
        ClientOperationCount = Metric::counter(
            "nfs.client.operation.count",
            "{operation}",
            "Reports the count of kernel NFSv4+ client operations",
            Int,
        ).by(&["onc_rpc.version", "nfs.operation.name"]);
        ClientProcedureCount = Metric::counter(
            "nfs.client.procedure.count",
            "{procedure}",
            "Reports the count of kernel NFS client procedures",
            Int,
        ).by(&["onc_rpc.version", "onc_rpc.procedure.name"]);
        ClientRpcAuthrefreshCount = Metric::counter(
            "nfs.client.rpc.authrefresh.count",
            "{authrefresh}",
            "Reports the count of kernel NFS client RPC authentication refreshes",
            Int,
        );
        ClientRpcCount = Metric::counter(
            "nfs.client.rpc.count",
            "{request}",
            "Reports the count of kernel NFS client RPCs sent, regardless of whether they're \
             accepted/rejected by the server.",
            Int,
        );
        ClientRpcRetransmitCount = Metric::counter(
            "nfs.client.rpc.retransmit.count",
            "{retransmit}",
            "Reports the count of kernel NFS client RPC retransmits",
            Int,
        );
        ServerFhStaleCount = Metric::counter(
            "nfs.server.fh.stale.count",
            "{fh}",
            "Reports the cumulative count of kernel NFS server stale file handles.",
            Int,
        );
        ServerIo = Metric::counter(
            "nfs.server.io",
            "By",
            "Reports the count of kernel NFS server bytes returned to receive and transmit (read \
             and write) requests.",
            Int,
        ).by(&["network.io.direction"]);
        ServerNetCount = Metric::counter(
            "nfs.server.net.count",
            "{request}",
            "Reports the count of kernel NFS server TCP segments and UDP datagrams handled.",
            Int,
        ).by(&["network.transport"]);
        ServerNetTcpConnectionAccepted = Metric::counter(
            "nfs.server.net.tcp.connection.accepted",
            "{connection}",
            "Reports the count of kernel NFS server TCP connections accepted",
            Int,
        );
        ServerOperationCount = Metric::counter(
            "nfs.server.operation.count",
            "{operation}",
            "Reports the count of kernel NFSv4+ server operations",
            Int,
        ).by(&["onc_rpc.version", "nfs.operation.name"]);
        ServerProcedureCount = Metric::counter(
            "nfs.server.procedure.count",
            "{procedure}",
            "Reports the count of kernel NFS server procedures",
            Int,
        ).by(&["onc_rpc.version", "onc_rpc.procedure.name"]);
        ServerRepcacheRequests = Metric::counter(
            "nfs.server.repcache.requests",
            "{request}",
            "Reports the kernel NFS server reply cache request count by cache hit status.",
            Int,
        ).by(&["nfs.server.repcache.status"]);
        ServerRpcCount = Metric::counter(
            "nfs.server.rpc.count",
            "{request}",
            "Reports the count of kernel NFS server RPCs handled.",
            Int,
        ).by(&["error.type"]);
        ServerThreadCount = Metric::up_down(
            "nfs.server.thread.count",
            "{thread}",
            "Reports the count of kernel NFS server available threads",
            Int,
        );
    }
}

/// `scrapers: nfs:`
#[derive(Debug, Clone, Default, Serialize, Deserialize, config::Described)]
#[serde(default)]
#[config(go = "nfsscraper.Config")]
pub struct Config {
    /// Which metrics are sent, and by which attributes.
    pub metrics: MetricsSection<Table>,
}

impl Config {
    pub(crate) fn validate(&self, problems: &mut Problems) {
        self.metrics.validate("scrapers::nfs::metrics", problems);
    }
}

/// The scraper.
pub(crate) struct Nfs {
    files: Files,
    builder: Builder<Table>,
    numbers: Vec<u64>,
}

impl Nfs {
    pub(crate) fn new(machine: &Machine, config: &Config) -> Self {
        let mut builder =
            Builder::new(&config.metrics, &ResourceSection::default(), machine.version);
        // Upstream takes the start of the scraper, although the kernel has counted for longer.
        builder.start(component::clock::unix_nanos());
        Self { files: Files::new(&machine.root), builder, numbers: Vec::new() }
    }

    /// A machine without such a client or server has no such file, which is no error.
    fn read(&mut self, file: &str, record: Record) -> Result<(), String> {
        match self.files.proc(format_args!("net/rpc/{file}")) {
            Ok(text) => each(text, file, &mut self.numbers, &mut self.builder, record),
            Err(failure) if failure.is_gone() => Ok(()),
            Err(failure) => Err(failure.text),
        }
    }
}

/// Records the numbers of a line; `false` if there are too few of them.
type Record = fn(&[u8], &[u64], &mut Builder<Table>) -> bool;

fn each(
    table: &[u8],
    file: &str,
    numbers: &mut Vec<u64>,
    builder: &mut Builder<Table>,
    record: Record,
) -> Result<(), String> {
    for line in lines(table) {
        let mut words = fields(line);
        let name = words.next().unwrap_or_default();
        numbers.clear();
        // Behind the number of threads stand times that the kernel does not count any more.
        let count = if name == b"th" { 1 } else { NUMBERS_MAX };
        for word in words.take(count) {
            let read = number(word);
            numbers.push(read.map_err(|why| {
                format!(
                    "error parsing line to Uint64 in /proc/net/rpc/{file}: {}: {why}",
                    text(line)
                )
            })?);
        }
        if !record(name, numbers, builder) {
            let line = text(line);
            return Err(format!(
                "error parsing line in /proc/net/rpc/{file}: {line}: unexpected field count"
            ));
        }
    }
    Ok(())
}

/// The lines of the client.
fn client(name: &[u8], numbers: &[u64], builder: &mut Builder<Table>) -> bool {
    match (name, numbers) {
        (b"net", [_, udp, tcp, connections, ..]) => {
            builder.uint(Table::ClientNetCount, *udp, &["udp".into()]);
            builder.uint(Table::ClientNetCount, *tcp, &["tcp".into()]);
            builder.uint(Table::ClientNetTcpConnectionAccepted, *connections, &[]);
        }
        (b"rpc", [calls, again, refreshed, ..]) => {
            builder.uint(Table::ClientRpcCount, *calls, &[]);
            builder.uint(Table::ClientRpcRetransmitCount, *again, &[]);
            builder.uint(Table::ClientRpcAuthrefreshCount, *refreshed, &[]);
        }
        (b"proc3", numbers) => {
            return calls(Table::ClientProcedureCount, 3, &PROCEDURES_V3, numbers, builder);
        }
        // The kernel calls them procedures; they are operations of compound procedures, RFC 7530.
        (b"proc4", numbers) => {
            return calls(Table::ClientOperationCount, 4, &CLIENT_V4, numbers, builder);
        }
        (b"net" | b"rpc", _) => return false,
        _ => {}
    }
    true
}

/// The lines of the server.
fn server(name: &[u8], numbers: &[u64], builder: &mut Builder<Table>) -> bool {
    let mut put = |metric, list: &[(&str, u64)]| {
        list.iter().for_each(|(attribute, it)| builder.uint(metric, *it, &[(*attribute).into()]));
    };
    match (name, numbers) {
        (b"rc", [hit, miss, nocache, ..]) => put(
            Table::ServerRepcacheRequests,
            &[("hit", *hit), ("miss", *miss), ("nocache", *nocache)],
        ),
        (b"fh", [stale, ..]) => builder.uint(Table::ServerFhStaleCount, *stale, &[]),
        (b"io", [read, written, ..]) => {
            put(Table::ServerIo, &[("receive", *read), ("transmit", *written)]);
        }
        (b"th", [threads, ..]) => builder.uint(Table::ServerThreadCount, *threads, &[]),
        (b"net", [_, udp, tcp, connections, ..]) => {
            put(Table::ServerNetCount, &[("udp", *udp), ("tcp", *tcp)]);
            builder.uint(Table::ServerNetTcpConnectionAccepted, *connections, &[]);
        }
        (b"rpc", [_, _, format, auth, client, ..]) => {
            put(Table::ServerRpcCount, &[("format", *format), ("auth", *auth), ("client", *client)])
        }
        (b"proc3", numbers) => {
            return calls(Table::ServerProcedureCount, 3, &PROCEDURES_V3, numbers, builder);
        }
        (b"proc4", numbers) => {
            return calls(Table::ServerProcedureCount, 4, &SERVER_V4, numbers, builder);
        }
        (b"proc4ops", numbers) => {
            return calls(Table::ServerOperationCount, 4, &SERVER_V4_OPERATIONS, numbers, builder);
        }
        (b"rc" | b"fh" | b"io" | b"th" | b"net" | b"rpc", _) => return false,
        _ => {}
    }
    true
}

/// How often each call was made. The first number says how many numbers follow; calls that have no name yet are left out.
fn calls(
    metric: Table,
    version: i64,
    names: &[&str],
    numbers: &[u64],
    builder: &mut Builder<Table>,
) -> bool {
    let Some((count, counts)) = numbers.split_first() else { return false };
    if counts.is_empty() || usize::try_from(*count) != Ok(counts.len()) {
        return false;
    }
    // A place without a name is one that the protocol does not use.
    for (name, count) in names.iter().zip(counts).filter(|it| !it.0.is_empty()) {
        builder.uint(metric, *count, &[Value::Int(version), (*name).into()]);
    }
    true
}

impl BlockingScraper for Nfs {
    fn scrape(&mut self, errors: &mut Errors) -> Scraped {
        self.builder.time(component::clock::unix_nanos());
        if let Err(error) = self.read("nfs", client) {
            errors.partial(CLIENT, error);
        }
        if let Err(error) = self.read("nfsd", server) {
            errors.partial(SERVER, error);
        }
        self.builder.emit();
        self.builder.finish()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn read(table: &[u8], record: Record) -> Result<u64, String> {
        let config = Config::default();
        let mut builder = Builder::new(&config.metrics, &ResourceSection::default(), "");
        let read = each(table, "nfs", &mut Vec::new(), &mut builder, record);
        builder.emit();
        read.map(|()| builder.finish().metrics.items() as u64)
    }

    /// For the test that nothing panics on any bytes.
    pub(crate) fn any(bytes: &[u8]) {
        drop(read(bytes, client));
        drop(read(bytes, server));
    }

    #[test]
    fn each_number_with_a_name_is_a_point() {
        let proc3 = format!("proc3 22{}\n", " 1".repeat(22));
        let table = format!("net 1 2 3 4\nrpc 5 6 7\n{proc3}proc4 3 1 2 3\nnew 1 2 3\n");
        assert_eq!(read(table.as_bytes(), client), Ok(3 + 3 + 22 + 3));
        let table = format!(
            "rc 1 2 3\nfh 1 0 0 0 0\nio 1 2\nth 8 0 0.000 0.000\nra 32 0\nnet 1 2 3 4\nrpc 1 2 3 4 5\n{proc3}\
             proc4 2 1 2\nproc4ops 5 0 0 0 7 8\n"
        );
        assert_eq!(read(table.as_bytes(), server), Ok(3 + 1 + 2 + 1 + 3 + 3 + 22 + 2 + 2));
    }

    #[test]
    fn lines_of_another_length_are_refused() {
        for line in ["net 1 2", "proc3 5 1 2", "proc4"] {
            let want =
                format!("error parsing line in /proc/net/rpc/nfs: {line}: unexpected field count");
            assert_eq!(read(line.as_bytes(), client), Err(want));
        }
        let want = "error parsing line to Uint64 in /proc/net/rpc/nfs: rpc 1 x 3: \
                    strconv.ParseUint: parsing \"x\": invalid syntax";
        assert_eq!(read(b"rpc 1 x 3\n", client), Err(want.to_owned()));
    }
}
