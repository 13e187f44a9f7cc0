//! Joins and splits requests: which batch leaves when. No clock, no task: the caller says what time it is.
//!
//! A batch is *open* while it waits for company: one per partition, each with the time at which it is due. It
//! becomes *ready* when it is full, when its time has come, when a caller asks for a flush, or when there are
//! too many partitions (then the one that has waited longest). Ready batches leave in this order. A request
//! that is cut in pieces has its answer when the last of them has: the pieces share its claim, and its room in
//! the queue goes with the last one.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use component::meter::Counter;
use component::{Data, Sizer};
use tokio::time::Instant;

use crate::{Batch, Partitioner, Request, Trigger, Values};

/// When a batch is full enough.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Longest time that data waits for company.
    pub timeout: Duration,
    /// What the sizes count: items or bytes.
    pub sizer: Sizer,
    /// A batch of this size leaves at once. Zero: everything does.
    pub min_size: usize,
    /// A batch never exceeds this size, unless a single item does. Zero: no limit.
    pub max_size: usize,
    /// Which requests may ride together.
    pub partitioner: Partitioner,
    /// Most partitions that wait at the same time; the oldest leaves when there is one more.
    pub partitions_max: usize,
}

impl Rules {
    fn size(&self, data: &Data) -> usize {
        match self.sizer {
            Sizer::Bytes => data.bytes(),
            Sizer::Items | Sizer::Requests => data.items(),
        }
    }

    /// Cuts `data` so that the first piece fits beside `held`, and no piece exceeds the limit. Of bytes
    /// the first piece may not fit, because only whole requests are added to a batch by bytes.
    fn cut(&self, held: usize, data: Data) -> (Data, Vec<Data>) {
        if self.max_size == 0 || held + self.size(&data) <= self.max_size {
            return (data, Vec::new());
        }
        if self.sizer == Sizer::Bytes {
            let mut pieces = data.clone().split_bytes(self.max_size).into_iter();
            return (pieces.next().unwrap_or(data), pieces.collect());
        }
        let (first, rest) = data.split_first(self.max_size.saturating_sub(held).max(1));
        (first, rest.map_or_else(Vec::new, |rest| rest.split_items(self.max_size)))
    }
}

/// What waits for company, and what is ready to leave.
#[derive(Debug)]
pub struct Batcher {
    rules: Option<Rules>,
    store: Store,
    closed: bool,
}

#[derive(Debug)]
struct Store {
    open: HashMap<Values, Open>,
    /// When each open batch is due, oldest first; the number tells those of one instant apart.
    due: BTreeMap<Due, Values>,
    begun: u64,
    ready: VecDeque<Batch>,
    lost: Counter,
}

type Due = (Instant, u64);

/// A batch that waits for company.
#[derive(Debug)]
struct Open {
    batch: Batch,
    size: usize,
    due: Due,
}

impl Batcher {
    /// Without `rules` every request is a batch. `lost` counts what is dropped without an answer.
    pub fn new(rules: Option<Rules>, lost: Counter) -> Self {
        let store = Store {
            open: HashMap::new(),
            due: BTreeMap::new(),
            begun: 0,
            ready: VecDeque::new(),
            lost,
        };
        Self { rules, store, closed: false }
    }

    /// Takes a request.
    ///
    /// # Errors
    /// Gives it back when nothing is taken any more.
    pub fn push(&mut self, now: Instant, request: Request) -> Result<(), Box<Request>> {
        if self.closed {
            return Err(Box::new(request));
        }
        if let Some(rules) = &self.rules {
            self.store.join(now, rules, request);
            return Ok(());
        }
        let Request { ctx, data, claim, room, age, partition: _ } = request;
        let mut batch = Batch::new(ctx, &self.store.lost);
        batch.add(data, claim, room, age);
        self.store.ready.push_back(batch);
        Ok(())
    }

    /// What is to be sent now: what is full first, then what has waited long enough.
    pub fn take(&mut self, now: Instant) -> Option<Batch> {
        if let Some(batch) = self.store.ready.pop_front() {
            return Some(batch);
        }
        let (due, _) = self.store.due.first_key_value()?;
        if now < due.0 {
            return None;
        }
        self.store.oldest_leaves();
        self.store.ready.pop_front()
    }

    /// What has waited for the longest time, before its time.
    pub fn take_oldest(&mut self) -> Option<Batch> {
        if self.store.ready.is_empty() {
            self.store.oldest_leaves();
        }
        self.store.ready.pop_front()
    }

    /// When the next batch that is not due at `now` will be.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        self.store.due.range((now, u64::MAX)..).next().map(|((at, _), _)| *at)
    }

    /// Batches that become due after `since`, up to and with `now`.
    pub fn due_between(&self, since: Instant, now: Instant) -> usize {
        self.store.due.range((since, u64::MAX)..=(now, u64::MAX)).count()
    }

    /// Number of batches begun so far: changes when there may be a new [`Batcher::next_due`].
    pub fn begun(&self) -> u64 {
        self.store.begun
    }

    /// Number of batches that are ready.
    pub fn ready(&self) -> usize {
        self.store.ready.len()
    }

    /// True when nothing is left.
    pub fn is_empty(&self) -> bool {
        self.store.ready.is_empty() && self.store.open.is_empty()
    }

    /// Takes nothing more, and makes ready what waits.
    pub fn close(&mut self) {
        self.closed = true;
        while !self.store.due.is_empty() {
            self.store.oldest_leaves();
        }
    }

    /// True after [`Batcher::close`].
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// Forgets everything: who waits is told, what was accepted is counted as lost.
    pub fn clear(&mut self) {
        self.close();
        self.store.ready.clear();
    }
}

impl Store {
    fn join(&mut self, now: Instant, rules: &Rules, request: Request) {
        let Request { data, mut claim, mut room, mut age, partition, ctx } = request;
        let held = self.open.get(&partition).map_or(0, |it| it.size);
        let (first, rest) = rules.cut(held, data);
        let mut pieces = std::iter::once(first).chain(rest).peekable();
        while let Some(piece) = pieces.next() {
            // Read anew for each piece: the one before may have filled the batch, and it has left.
            let size = rules.size(&piece);
            let held = self.open.get(&partition).map_or(0, |it| it.size);
            if 0 < held && 0 < rules.max_size && rules.max_size < held + size {
                self.leave(&partition);
            }
            // A piece that others follow was cut because the batch is full with it.
            let last = pieces.peek().is_none();
            let open = self.open_batch(now, rules, &partition);
            open.size += size;
            if last {
                open.batch.add(piece, claim.take(), room.take(), age.take());
            } else {
                open.batch.add(piece, claim.as_ref().map(crate::Claim::another), None, None);
            }
            let full = !last || rules.min_size <= open.size;
            if ctx.flush {
                open.batch.set_flush();
            }
            // Sizes that operators see in the metrics: it left before it was full.
            if !full && ctx.flush {
                open.batch.set_trigger(Trigger::Timeout);
            }
            if full || ctx.flush {
                self.leave(&partition);
            }
        }
    }

    fn open_batch(&mut self, now: Instant, rules: &Rules, partition: &Values) -> &mut Open {
        if rules.partitions_max <= self.open.len() && !self.open.contains_key(partition) {
            self.oldest_leaves();
        }
        match self.open.entry(partition.clone()) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(slot) => {
                self.begun += 1;
                let due = (now + rules.timeout, self.begun);
                self.due.insert(due, partition.clone());
                let batch = Batch::new(rules.partitioner.context(partition), &self.lost);
                slot.insert(Open { batch, size: 0, due })
            }
        }
    }

    /// The partition's batch has its size.
    fn leave(&mut self, partition: &Values) {
        if let Some(open) = self.open.remove(partition) {
            self.due.remove(&open.due);
            self.ready.push_back(open.batch);
        }
    }

    fn oldest_leaves(&mut self) {
        let Some((_, partition)) = self.due.pop_first() else { return };
        if let Some(mut open) = self.open.remove(&partition) {
            open.batch.set_trigger(Trigger::Timeout);
            self.ready.push_back(open.batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use component::{Client, Context};
    use componenttest::logs;

    use super::*;

    fn rules(min_size: usize, max_size: usize) -> Rules {
        Rules {
            timeout: Duration::from_secs(1),
            sizer: Sizer::Items,
            min_size,
            max_size,
            partitioner: Partitioner::default(),
            partitions_max: 100,
        }
    }

    fn request(data: Data) -> Request {
        let ctx = Context::default();
        let partition = Values::default();
        Request { ctx, data, claim: None, room: None, age: None, partition }
    }

    fn batcher(rules: Rules) -> Batcher {
        Batcher::new(Some(rules), Counter::default())
    }

    /// Sizes of what leaves at once, then of what leaves when it has waited.
    #[track_caller]
    fn check(rules: Rules, sizes: &[usize], at_once: &[usize], later: &[usize]) {
        let (mut batcher, now) = (batcher(rules), Instant::now());
        for size in sizes {
            batcher.push(now, request(logs(*size))).unwrap();
        }
        let drain = |batcher: &mut Batcher, now| {
            std::iter::from_fn(|| batcher.take(now)).map(|it| it.items()).collect::<Vec<_>>()
        };
        assert_eq!(drain(&mut batcher, now), at_once);
        let due = batcher.next_due(now).unwrap_or(now);
        assert_eq!(drain(&mut batcher, due), later);
        assert!(batcher.is_empty());
    }

    #[test]
    fn a_batch_leaves_when_it_has_its_size() {
        check(rules(10, 0), &[4, 4], &[], &[8]);
        check(rules(10, 0), &[4, 4, 4, 1], &[12], &[1]);
        check(rules(0, 0), &[4, 1], &[4, 1], &[]);
    }

    #[test]
    fn what_exceeds_the_limit_is_split_and_the_rest_waits() {
        check(rules(4, 6), &[11], &[6, 5], &[]);
        check(rules(4, 4), &[11], &[4, 4], &[3]);
        check(rules(4, 6), &[3, 11], &[6, 6], &[2]);
        check(rules(0, 4), &[9], &[4, 4, 1], &[]);
    }

    #[test]
    fn bytes_are_counted_as_encoded() {
        let item = logs(1).bytes();
        let rules = Rules { sizer: Sizer::Bytes, ..rules(item * 3, item * 4) };
        check(rules.clone(), &[1, 1], &[], &[2]);
        check(rules.clone(), &[1, 1, 1], &[3], &[]);
        // The second would exceed the limit: what is there leaves without it.
        let (two, three) = (logs(2).bytes(), logs(3).bytes());
        let tight = Rules { min_size: three, max_size: two + three - 1, ..rules.clone() };
        check(tight, &[2, 3, 1], &[2, 3], &[1]);
        // A larger item stands alone.
        check(Rules { max_size: 10, min_size: 5, ..rules }, &[2], &[1, 1], &[]);
    }

    #[test]
    fn nothing_waits_longer_than_the_timeout_of_its_first_request() {
        let (mut batcher, start) = (batcher(rules(10, 0)), Instant::now());
        batcher.push(start, request(logs(1))).unwrap();
        let later = start + Duration::from_millis(900);
        batcher.push(later, request(logs(1))).unwrap();
        assert!(batcher.take(later).is_none());
        let due = batcher.next_due(later).unwrap();
        assert_eq!(due, start + Duration::from_secs(1));
        assert_eq!(batcher.due_between(later, due), 1);
        let batch = batcher.take(due).unwrap();
        assert_eq!((batch.items(), batch.trigger()), (2, Trigger::Timeout));
        assert_eq!(batcher.next_due(due), None);
    }

    #[test]
    fn a_call_with_flush_takes_along_what_waits_and_says_so_to_the_next() {
        let (mut batcher, now) = (batcher(rules(10, 0)), Instant::now());
        batcher.push(now, request(logs(1))).unwrap();
        assert!(batcher.take(now).is_none());
        let ctx = Context { flush: true, ..Context::default() };
        batcher.push(now, Request { ctx, ..request(logs(2)) }).unwrap();
        let batch = batcher.take(now).unwrap();
        assert_eq!((batch.items(), batch.trigger()), (3, Trigger::Timeout));
        assert!(batch.context().flush && batcher.is_empty());
    }

    #[test]
    fn partitions_do_not_mix_and_their_number_is_limited() {
        let partitioner = Partitioner::new(&["tenant".into()]);
        let mut batcher = batcher(Rules { partitioner: partitioner.clone(), ..rules(10, 0) });
        let now = Instant::now();
        for tenant in 0..=100 {
            let metadata = vec![("tenant".to_owned(), tenant.to_string())];
            let client = Some(std::sync::Arc::new(Client { metadata, ..Client::default() }));
            let ctx = Context { client, ..Context::default() };
            let partition = partitioner.values(&ctx);
            batcher.push(now, Request { partition, ..request(logs(1)) }).unwrap();
        }
        assert_eq!(batcher.ready(), 1);
        let first = batcher.take(now).unwrap().context();
        assert_eq!(first.client.unwrap().metadata, [("tenant".to_owned(), "0".to_owned())]);
        batcher.close();
        assert_eq!(batcher.ready(), 100);
    }

    #[test]
    fn a_closed_batcher_gives_up_what_it_has_and_takes_no_more() {
        let (mut batcher, now) = (batcher(rules(10, 0)), Instant::now());
        batcher.push(now, request(logs(1))).unwrap();
        batcher.close();
        assert!(batcher.push(now, request(logs(1))).is_err());
        assert_eq!(batcher.take(now).map(|it| it.items()), Some(1));
        assert!(batcher.is_closed() && batcher.is_empty());
    }

    #[test]
    fn what_is_dropped_without_an_answer_is_counted() {
        let lost = Counter::default();
        let mut batcher = Batcher::new(None, lost.clone());
        let (claim, _waiting) = crate::Claim::new();
        batcher.push(Instant::now(), request(logs(3))).unwrap();
        let claimed = Request { claim: Some(claim), ..request(logs(5)) };
        batcher.push(Instant::now(), claimed).unwrap();
        batcher.clear();
        assert_eq!(lost.value(), 3);
    }
}
