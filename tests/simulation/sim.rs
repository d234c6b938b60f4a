//! One run: a broker with its reactor, the network, the clocks, and what is checked after every turn.
//!
//! ```text
//!  clients ──► Sim::send ──► network ──► Reactor::turn ──► network ──► Sim::receive ──► clients
//!                 │                           │                ▲
//!                 ▼                           ▼                │ tapped: every answer, where the broker writes it
//!               model ◄── audit: logs, offsets, groups ────────┘
//! ```
//!
//! As in the real loop, a turn happens when something is told or due, and not otherwise: who is forgotten waits for ever, and
//! that is seen.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use kafka_rs::broker::{Client, ConnectionId, Now, Output};
use kafka_rs::budget::Budget;
use kafka_rs::net::reactor::Reactor;
use kafka_rs::wire::messages::fetch;

use crate::clients::Crew;
use crate::dice::Dice;
use crate::exchange::{Answer, Ask};
use crate::model::{BatchId, Broken, CommitId, Model, Place, RequestId, Witness, ensure};
use crate::network::{Event, LinkId, Network, Shared, Wire};
use crate::plan::{Plan, SMALL_REQUEST_BYTES};

/// How many bytes the length in front of a frame takes.
const LENGTH_BYTES: usize = 4;
/// The moment at which every run begins, in milliseconds since 1970.
const START_MS: i64 = 1_700_000_000_000;
/// A request that lies in the broker's socket is taken up within so many turns.
const TURNS_MAX: u64 = 3;
/// Everything is looked at once in so many turns, also when nothing seems to have happened.
const AUDIT_TURNS: u64 = 8;

/// What the model has to know of a request besides its bytes.
#[derive(Debug)]
pub enum Note {
    Nothing,
    /// The batches of a Produce, in the order of its partitions.
    Batches(Vec<BatchId>),
    Fetch(FetchNote),
    /// The commits of an OffsetCommit or TxnOffsetCommit, in the order of its partitions.
    Commits(Vec<CommitId>),
}

/// What a fetch wants, session or not.
#[derive(Debug)]
pub struct FetchNote {
    /// Place, offset and limit.
    pub wanted: Vec<(Place, i64, usize)>,
    pub min_bytes: usize,
    pub max_bytes: usize,
    pub max_wait_ms: u64,
    pub committed: bool,
}

/// A request that was sent.
#[derive(Debug)]
pub struct Request {
    pub link: LinkId,
    /// Where it ends among the bytes of its connection.
    end: usize,
    pub version: i16,
    pub correlation_id: i32,
    pub ask: Ask,
    pub note: Note,
    /// The turn in which it had arrived whole; the one in which nothing was in front of it any more, too.
    arrived: Option<u64>,
    ready: Option<u64>,
    /// The moment by which the broker had taken it up.
    taken: Option<Instant>,
    pub answer: Option<Rc<Answer>>,
    /// Where the answer ends among the bytes of its connection, and the turn in which the broker had written it.
    answer_end: usize,
    pub answered: Option<u64>,
}

/// How a connection stood when the turn began, and what it has had of the turn.
#[derive(Debug, Default, Clone, Copy)]
struct Share {
    /// How many bytes had been read and written by then, and whether answers waited to be written.
    read: usize,
    written: usize,
    had_queued: bool,
    /// The answers that were written since.
    answers: usize,
}

/// What is known of a connection besides its bytes.
#[derive(Debug, Default)]
struct Side {
    /// The requests that have no answer yet, in order.
    unanswered: VecDeque<RequestId>,
    tapped: usize,
    /// Where the last request ends that was served.
    served: usize,
    /// It has sent requests that want no answer.
    is_silent: bool,
    /// The broker may have reasons not to serve it: it has sent something bad.
    excused: bool,
    /// It has used up a quota: before this moment nobody needs to serve it.
    muted_until: Option<Instant>,
    share: Share,
    /// The last turn in which anything moved, or nothing had to.
    moved: u64,
}

/// A client's connection, which it dials again when it is lost.
#[derive(Debug, Clone, Default)]
pub struct Channel {
    pub client_id: String,
    pub address: u8,
    pub link: Option<LinkId>,
    waiting: VecDeque<RequestId>,
}

impl Channel {
    pub fn new(client_id: String, address: u8) -> Self {
        Self { client_id, address, ..Self::default() }
    }
}

/// What has come over a channel.
#[derive(Debug)]
pub enum Received {
    Nothing,
    Answer(RequestId, Rc<Answer>),
    /// A request that wants no answer was sent.
    Sent,
    /// The connection is gone, and with it these requests, of which nobody knows what has become of them.
    Lost(Vec<RequestId>),
}

/// What a run has come to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub requests: u64,
    pub answers: u64,
    pub turns: u64,
    pub batches: u64,
    pub connections: u64,
    /// Batches for which there was no memory.
    pub refused: u64,
    /// How often a log has lost its beginning, and how many records were compacted away.
    pub deleted: u64,
    pub compacted: u64,
    /// How often a client had to be quiet.
    pub muted: u64,
    /// Follows from every byte of every answer.
    pub digest: u64,
}

impl Counts {
    pub fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.answers += other.answers;
        self.turns += other.turns;
        self.batches += other.batches;
        self.connections += other.connections;
        self.refused += other.refused;
        self.deleted += other.deleted;
        self.compacted += other.compacted;
        self.muted += other.muted;
    }

    fn digest(&mut self, frame: &[u8]) {
        let mut hasher = DefaultHasher::new();
        (self.digest, frame).hash(&mut hasher);
        self.digest = hasher.finish();
    }
}

pub struct Sim {
    pub plan: Plan,
    pub dice: Dice,
    pub net: Shared,
    pub now: Now,
    pub model: Model,
    pub requests: Vec<Request>,
    pub counts: Counts,
    pub tracing: bool,
    sides: Vec<Side>,
    pub(crate) reactor: Reactor<Wire>,
    budget: Budget,
    start: Instant,
    pub(crate) turn: u64,
    /// The latest and the earliest that the wall clock has ever shown.
    latest_ms: i64,
    earliest_ms: i64,
    asleep: bool,
    /// Whether something was due in this turn for the broker.
    is_due: bool,
    pub(crate) stop_at: Option<Instant>,
    /// Requests that may create, delete or grow topics, and are not answered yet.
    pub(crate) topic_changes: Vec<RequestId>,
    /// Clients that have come to be in the middle of the run.
    pub newborn: Crew,
}

macro_rules! note {
    ($sim:expr, $($message:tt)+) => {
        if $sim.tracing {
            let sim = &$sim;
            $crate::sim::show(&format!("[{:>6} {:>9}] {}", sim.turn, sim.elapsed_ms(), format!($($message)+)));
        }
    };
}
pub(crate) use note;

/// Prints a line, to whoever still reads.
pub fn show(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

impl Sim {
    pub fn new(seed: u64, tracing: bool) -> Self {
        let mut dice = Dice::new(seed);
        let plan = Plan::new(&mut dice);
        let start = Instant::now();
        let now = Now { instant: start, unix_ms: START_MS };
        let net = Rc::new(RefCell::new(Network::new(plan.faults, dice.fork(), start)));
        let budget = Budget::new(plan.memory_bytes);
        let config = plan.config();
        let model = Model::new(config.producer_id_expiration_ms, plan.transaction_ms);
        let reactor = Reactor::new(Wire(Rc::clone(&net)), config, budget.clone(), seed, now);
        let mut sim = Self {
            plan,
            dice,
            net,
            now,
            model,
            requests: Vec::new(),
            counts: Counts::default(),
            tracing,
            sides: Vec::new(),
            reactor,
            budget,
            start,
            turn: 0,
            latest_ms: START_MS,
            earliest_ms: START_MS,
            asleep: false,
            is_due: true,
            stop_at: None,
            topic_changes: Vec::new(),
            newborn: Crew::new(),
        };
        note!(sim, "seed {seed}: {:?}", sim.plan);
        sim.create_topics();
        if let Some(rate) = sim.plan.slow_bytes_per_second {
            sim.limit_slow_producers(rate);
        }
        sim
    }

    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.now.instant.duration_since(self.start).as_millis()).expect("a run of less than an aeon")
    }

    pub fn is_stopping(&self) -> bool {
        self.stop_at.is_some()
    }

    /// The version in which a client speaks an API, of those from `low` to `high` that there are.
    pub fn version(&mut self, low: i16, high: i16) -> i16 {
        low + i16::try_from(self.dice.below(usize::try_from(high - low + 1).expect("a range"))).expect("a version")
    }

    /// Sends a request, over a new connection if there is none.
    pub fn send(&mut self, channel: &mut Channel, version: i16, ask: impl Into<Ask>, note: Note) -> RequestId {
        let ask = ask.into();
        let link = self.connect(channel);
        let id = self.requests.len();
        let correlation_id = i32::try_from(id).expect("not so many") ^ 0x5a00_0000;
        let frame = ask.encode(version, correlation_id, &channel.client_id);
        note!(*self, "{} link {link} sends {id}: v{version} {ask:?}", channel.client_id);
        let end = self.net.borrow_mut().send(link, &frame);
        self.before_send(id, &ask);
        let wants_answer = !matches!(&ask, Ask::Produce(request) if request.acks == 0);
        self.sides[link].excused |= !wants_answer;
        self.sides[link].is_silent |= !wants_answer;
        self.sides[link].unanswered.push_back(id);
        channel.waiting.push_back(id);
        let (answer, answered) = (None, None);
        let request = Request {
            link,
            end,
            version,
            correlation_id,
            ask,
            note,
            arrived: None,
            ready: None,
            taken: None,
            answer,
            answer_end: 0,
            answered,
        };
        self.requests.push(request);
        self.counts.requests += 1;
        id
    }

    /// Bytes that are perhaps no request; the broker may do with the connection what it wants.
    pub fn send_raw(&mut self, channel: &mut Channel, bytes: &[u8]) {
        let link = self.connect(channel);
        note!(*self, "{} link {link} sends {} bytes of its own", channel.client_id, bytes.len());
        self.sides[link].excused = true;
        self.net.borrow_mut().send(link, bytes);
    }

    pub fn connect(&mut self, channel: &mut Channel) -> LinkId {
        *channel.link.get_or_insert_with(|| {
            self.counts.connections += 1;
            self.sides.push(Side::default());
            self.net.borrow_mut().connect(channel.address)
        })
    }

    /// The client gives its connection up, with or without a word; what waits is lost.
    pub fn hang_up(&mut self, channel: &mut Channel) {
        if let Some(link) = channel.link.take() {
            let manner = self.dice.below(5);
            note!(*self, "{} hangs up link {link} ({manner})", channel.client_id);
            self.sides[link].excused = true;
            let mut net = self.net.borrow_mut();
            match manner {
                0 | 1 => net.reset(link),
                2 => net.fall_silent(link),
                _ => net.end(link),
            }
        }
    }

    /// What comes next over a channel.
    pub fn receive(&mut self, channel: &mut Channel) -> Received {
        let Some(front) = channel.waiting.front().copied() else {
            if let Some(link) = channel.link
                && self.net.borrow().is_over(link)
            {
                channel.link = None;
            }
            return Received::Nothing;
        };
        let request = &self.requests[front];
        let is_lost = channel.link != Some(request.link);
        if !is_lost {
            if matches!(&request.ask, Ask::Produce(produce) if produce.acks == 0) {
                channel.waiting.pop_front();
                return Received::Sent;
            }
            if let Some(answer) = &request.answer
                && self.net.borrow().delivered(request.link) >= request.answer_end
            {
                let answer = Rc::clone(answer);
                channel.waiting.pop_front();
                self.counts.answers += 1;
                return Received::Answer(front, answer);
            }
            if !self.net.borrow().is_over(request.link) {
                return Received::Nothing;
            }
            channel.link = None;
        }
        let lost: Vec<_> = channel.waiting.drain(..).collect();
        note!(*self, "{} has lost {lost:?}", channel.client_id);
        Received::Lost(lost)
    }

    /// Lets bytes travel and time pass, and gives the broker its turn if it would get one.
    pub fn step(&mut self) -> Result<(), Broken> {
        self.net.borrow_mut().step();
        let ms = self.plan.pause_ms(&mut self.dice);
        self.pass(ms);
        let events = self.net.borrow_mut().take_events();
        let due = self.reactor.timeout(self.now.instant).is_some_and(|left| left.is_zero());
        if events.is_empty() && !due {
            return Ok(());
        }
        for event in events {
            match event {
                Event::Acceptable => self.reactor.on_acceptable(0),
                Event::Readable(slot, end_is_near) => self.reactor.on_readable(slot, end_is_near),
                Event::Writable(slot) => self.reactor.on_writable(slot),
            }
        }
        self.run_turn()
    }

    /// Moves both clocks; the wall clock may be set meanwhile.
    pub fn pass(&mut self, ms: u64) {
        self.now.instant += Duration::from_millis(ms);
        self.now.unix_ms += i64::try_from(ms).expect("no aeon");
        let skip = self.plan.skip_ms(&mut self.dice);
        if skip != 0 {
            self.now.unix_ms += skip;
            note!(*self, "the wall clock skips by {skip} ms");
        }
        self.latest_ms = self.latest_ms.max(self.now.unix_ms);
        self.earliest_ms = self.earliest_ms.min(self.now.unix_ms);
        self.net.borrow_mut().clock = self.now.instant;
        self.model.steady_ms = self.elapsed_ms();
    }

    pub fn run_turn(&mut self) -> Result<(), Broken> {
        self.turn += 1;
        self.counts.turns += 1;
        self.is_due = self.reactor.broker().next_deadline().is_some_and(|deadline| deadline <= self.now.instant);
        self.reactor.turn(self.now);
        self.check()
    }

    /// The broker is told to stop.
    pub fn stop(&mut self) -> Result<(), Broken> {
        note!(*self, "stop");
        self.reactor.begin_stop(self.now);
        self.stop_at = Some(self.now.instant);
        self.run_turn()
    }

    /// All that must hold between two turns.
    fn check(&mut self) -> Result<(), Broken> {
        self.reactor.invariants();
        self.asleep = self.reactor.timeout(self.now.instant).is_none_or(|left| !left.is_zero());
        let audits = self.may_have_changed(|ask| !only_asks(ask));
        self.mark_ready();
        if audits {
            self.audit()?;
        }
        self.tap()?;
        self.check_shares()?;
        self.check_budget()?;
        if self.asleep && !self.is_stopping() { self.check_forgotten() } else { Ok(()) }
    }

    /// Whether the turn may have changed something: something was due, or a request is here that `changes` it. One that has been
    /// served just now counts too, since its answer is looked at later.
    pub(crate) fn may_have_changed(&self, changes: impl Fn(&Ask) -> bool) -> bool {
        if self.is_due || self.turn.is_multiple_of(AUDIT_TURNS) {
            return true;
        }
        let net = self.net.borrow();
        net.live().into_iter().any(|link| {
            let side = &self.sides[link];
            let requests = side.unanswered.iter().map(|id| &self.requests[*id]);
            let mut here = requests.take_while(|request| request.end <= net.read(link));
            side.is_silent || here.any(|request| changes(&request.ask))
        })
    }

    /// Notes which requests the broker could take up by now.
    fn mark_ready(&mut self) {
        let net = self.net.borrow();
        for link in net.live() {
            let side = &mut self.sides[link];
            for id in &side.unanswered {
                let request = &mut self.requests[*id];
                if request.end > net.read(link) {
                    break;
                }
                request.arrived.get_or_insert(self.turn);
            }
            while let Some(front) = side.unanswered.front().copied() {
                let request = &mut self.requests[front];
                let arrived = request.end <= net.read(link);
                if arrived && request.ready.is_none() {
                    request.ready = Some(self.turn);
                }
                if request.ready.is_some_and(|ready| ready + TURNS_MAX <= self.turn) {
                    request.taken.get_or_insert(self.now.instant);
                }
                let silent = matches!(&request.ask, Ask::Produce(produce) if produce.acks == 0);
                if !(silent && arrived) {
                    break;
                }
                side.served = request.end;
                side.unanswered.pop_front();
            }
        }
    }

    /// Reads every answer where the broker writes it: one for each request, in their order.
    fn tap(&mut self) -> Result<(), Broken> {
        let links = self.net.borrow().live();
        for link in links {
            loop {
                let start = self.sides[link].tapped;
                let net = self.net.borrow();
                let written = &net.written(link)[start..];
                let Some(length) = written.first_chunk::<LENGTH_BYTES>() else { break };
                let length = u32::from_be_bytes(*length) as usize;
                let Some(frame) = written.get(LENGTH_BYTES..LENGTH_BYTES + length) else { break };
                let frame = Bytes::copy_from_slice(frame);
                drop(net);
                self.sides[link].tapped = start + LENGTH_BYTES + length;
                self.on_answer(link, frame)?;
            }
        }
        Ok(())
    }

    fn on_answer(&mut self, link: LinkId, frame: Bytes) -> Result<(), Broken> {
        self.counts.digest(&frame);
        let side = &mut self.sides[link];
        let Some(id) = side.unanswered.pop_front() else {
            return Err(format!("link {link}: nobody has asked for this"));
        };
        let answer_end = side.tapped;
        let request = &mut self.requests[id];
        side.served = request.end;
        ensure!(request.end <= self.net.borrow().read(link), "{id} is answered before it has arrived");
        let (correlation_id, answer) = request
            .ask
            .decode_answer(request.version, frame)
            .map_err(|error| format!("the answer to {id}, {:?}: {error}", request.ask))?;
        ensure!(
            correlation_id == request.correlation_id,
            "link {link}: the answer to {} where that to {id} should be",
            correlation_id ^ 0x5a00_0000
        );
        note!(*self, "link {link} answers {id}: {answer:?}");
        let muted_ms = u64::try_from(answer.throttle_ms()).unwrap_or(0);
        let side = &mut self.sides[link];
        side.share.answers += 1;
        if muted_ms > 0 {
            self.counts.muted += 1;
            side.muted_until = side.muted_until.max(Some(self.now.instant + Duration::from_millis(muted_ms)));
        }
        let request = &mut self.requests[id];
        let arrived = request.arrived.unwrap_or(self.turn);
        request.answer = Some(Rc::new(answer));
        request.answer_end = answer_end;
        request.answered = Some(self.turn);
        self.judge_answer(id, arrived).map_err(|broken| format!("{id}: {broken}"))
    }

    /// No connection gets more of a turn than its share, however much it wants, and none waits for its own.
    fn check_shares(&mut self) -> Result<(), Broken> {
        let config = self.reactor.broker().config();
        let limit = |value: i32| usize::try_from(value).expect("a positive limit");
        let (bytes_max, requests_max) = (limit(config.turn_max_bytes), limit(config.turn_max_requests));
        let stopping = self.is_stopping();
        let links = self.net.borrow().live();
        for link in links {
            let may_wait = self.is_muted(link) || self.is_starved(link);
            let (net, side) = (self.net.borrow(), &mut self.sides[link]);
            let (read, written) = (net.read(link), net.written(link).len());
            let (before, answers) = (side.share, side.share.answers);
            side.share = Share { read, written, answers: 0, had_queued: net.has_queued(link) };
            if stopping {
                continue;
            }
            ensure!(read - before.read <= bytes_max, "{} bytes of link {link} were read at once", read - before.read);
            // A request that has waited comes on top of those that were served.
            let fair = before.had_queued || answers <= requests_max + 1;
            ensure!(fair, "{answers} requests of link {link} were served at once");
            let moves = read > before.read || written > before.written || answers > 0;
            let excused = side.excused || may_wait || net.is_blocked(link) || net.is_gone(link) || net.is_shut(link);
            let front = side.unanswered.front().map(|id| &self.requests[*id]);
            let Some(ready) = front.filter(|front| !can_wait(&front.ask)).and_then(|front| front.ready) else {
                side.moved = self.turn;
                continue;
            };
            if moves || excused {
                side.moved = self.turn;
            }
            let since = self.turn - side.moved.max(ready);
            ensure!(since <= TURNS_MAX, "link {link} waits for {since} turns while others are served");
        }
        Ok(())
    }

    /// Whether a connection has so much waiting that it may be left alone when memory is used up.
    fn is_starved(&self, link: LinkId) -> bool {
        let waiting = self.net.borrow().read(link) - self.sides[link].served;
        self.plan.is_short_of_memory() && waiting >= SMALL_REQUEST_BYTES
    }

    /// Whether a connection's client has used up its quota.
    pub(crate) fn is_muted(&self, link: LinkId) -> bool {
        self.sides[link].muted_until.is_some_and(|until| self.now.instant < until)
    }

    /// Nobody who could go on is left behind while the loop sleeps.
    fn check_forgotten(&mut self) -> Result<(), Broken> {
        let links = self.net.borrow().live();
        for link in links {
            let side = &self.sides[link];
            let net = self.net.borrow();
            let excused = side.excused || self.is_muted(link) || self.is_starved(link);
            if excused || net.is_gone(link) || net.is_shut(link) {
                continue;
            }
            ensure!(!net.is_write_forgotten(link), "link {link} takes bytes, but nobody writes");
            let front = side.unanswered.front().map(|id| (*id, &self.requests[*id]));
            let ready = front.and_then(|(id, request)| Some((id, request, request.ready?)));
            let waits = matches!(front, Some((_, request)) if request.ready.is_some() && can_wait(&request.ask));
            ensure!(
                waits || net.is_blocked(link) || !net.is_forgotten(link),
                "link {link} has bytes that nobody reads"
            );
            let Some((id, request, turn)) = ready.filter(|_| !net.is_blocked(link)) else { continue };
            drop(net);
            if self.turn < turn + 1 {
                continue;
            }
            match (&request.ask, &request.note) {
                (Ask::JoinGroup(_) | Ask::SyncGroup(_), _) => {}
                (Ask::Fetch(_), Note::Fetch(note)) => {
                    let waited = request.taken.map(|at| self.now.instant.saturating_duration_since(at));
                    let late = waited.is_some_and(|waited| waited > Duration::from_millis(note.max_wait_ms));
                    ensure!(!late, "fetch {id} waits beyond its time");
                    let enough = self.is_enough(note, u64::MAX);
                    ensure!(!enough, "fetch {id} waits although there is something to tell");
                }
                _ => return Err(format!("request {id} lies there, and the loop sleeps")),
            }
        }
        Ok(())
    }

    /// Whether a fetch can be answered by what was there in front of a turn.
    pub fn is_enough(&self, note: &FetchNote, before: u64) -> bool {
        let mut bytes = 0;
        for (place, offset, limit) in &note.wanted {
            let Some(partition) = self.model.partition(*place) else { return false };
            if self.model.topic(place.0).is_some_and(|topic| topic.until.is_some()) || !partition.is_exact() {
                return false;
            }
            if !(partition.start..=partition.end).contains(offset) {
                return before == u64::MAX;
            }
            let up_to = if note.committed { partition.stable } else { partition.end };
            // The first batch counts whole; but a session has an order of its own, so nobody knows which one that is.
            bytes += partition.readable(*offset, up_to, before).min(*limit).min(note.max_bytes);
        }
        bytes >= note.min_bytes.max(1)
    }

    /// What is held stays below the limit, but for what every connection may have in any case, the answers that wait, and what
    /// members and waiting requests keep.
    fn check_budget(&self) -> Result<(), Broken> {
        let open = self.net.borrow().open();
        let bound = self.plan.memory_bytes.saturating_add(open * self.plan.connection_bytes())
            + self.reactor.broker().held_bytes()
            + self.plan.marker_bytes();
        let held = self.budget.held();
        ensure!(held <= bound, "{held} bytes are held, but {bound} is the most: {:?}", self.plan);
        Ok(())
    }

    /// Asks the broker past the network, between two turns.
    pub fn ask(&mut self, version: i16, ask: impl Into<Ask>) -> Answer {
        let ask = ask.into();
        let mut frame = ask.encode(version, 0, "auditor");
        let frame = frame.split_off(LENGTH_BYTES);
        let address = std::net::SocketAddr::from(([127, 0, 0, 200], 9));
        let connection = ConnectionId { slot: usize::MAX, generation: u64::MAX };
        let client = Client { peer: address, local: address, listener: 0 };
        let broker = self.reactor.broker_mut();
        broker.handle(connection, client, frame, self.now);
        let answer = match broker.poll_output() {
            Some(Output::Answer { connection: answered, frame }) if answered == connection => frame.to_bytes(),
            other => panic!("no answer for the auditor: {other:?}"),
        };
        let (_, answer) = ask.decode_answer(version, answer.slice(LENGTH_BYTES..)).expect("an answer");
        answer
    }

    /// Whether nothing moves, and the broker sleeps.
    pub fn is_at_rest(&self) -> bool {
        let sleeps = self.reactor.timeout(self.now.instant).is_none_or(|left| !left.is_zero());
        sleeps && self.net.borrow().is_still()
    }

    /// Whether everybody is accepted for whom there is room.
    pub fn is_open(&self) -> bool {
        let net = self.net.borrow();
        let room = usize::try_from(self.reactor.broker().config().max_connections).unwrap_or(0);
        net.knocking() == 0 || net.open() >= room
    }

    pub fn shutdown_ms(&self) -> u64 {
        u64::try_from(self.reactor.broker().config().shutdown_max_ms).unwrap_or(0)
    }

    pub fn is_done(&self) -> bool {
        self.reactor.is_done()
    }

    pub fn stopping_for(&self) -> Duration {
        self.stop_at.map_or(Duration::ZERO, |at| self.now.instant.saturating_duration_since(at))
    }

    /// The requests on accepted connections that have no answer.
    pub fn unanswered(&self) -> Vec<(RequestId, &Request)> {
        let net = self.net.borrow();
        let served = |link: &LinkId| {
            !self.sides[*link].excused && !self.is_muted(*link) && net.is_accepted(*link) && !net.is_shut(*link)
        };
        let links = net.live().into_iter().filter(served);
        links.flat_map(|link| &self.sides[link].unanswered).map(|id| (*id, &self.requests[*id])).collect()
    }

    /// From now on nothing goes wrong any more.
    pub fn calm_down(&mut self) {
        self.plan.calm_down();
        self.net.borrow_mut().calm_down(self.plan.faults);
    }

    pub fn ends(&self) -> BTreeMap<Place, i64> {
        let mut ends = BTreeMap::new();
        for topic in self.model.alive() {
            ends.extend(topic.partitions.iter().zip(0..).map(|(partition, index)| ((topic.id, index), partition.end)));
        }
        ends
    }

    pub fn latest(&self) -> i64 {
        self.latest_ms
    }

    /// Whether a batch was ever too far ahead of the broker's clock to be taken.
    pub fn was_from_the_future(&self, batch: BatchId) -> bool {
        let ahead_max_ms = self.reactor.broker().config().log_message_timestamp_after_max_ms;
        self.model.batches[batch].header.max_timestamp > self.earliest_ms.saturating_add(ahead_max_ms)
    }
}

/// Whether a request changes nothing that the audit looks at.
fn only_asks(ask: &Ask) -> bool {
    can_wait(ask)
        || matches!(
            ask,
            Ask::ApiVersions(_)
                | Ask::Metadata(_)
                | Ask::FindCoordinator(_)
                | Ask::Heartbeat(_)
                | Ask::ListOffsets(_)
                | Ask::OffsetFetch(_)
                | Ask::DescribeGroups(_)
                | Ask::DescribeProducers(_)
                | Ask::DescribeTransactions(_)
        )
}

fn can_wait(ask: &Ask) -> bool {
    matches!(ask, Ask::Fetch(_) | Ask::JoinGroup(_) | Ask::SyncGroup(_))
}

/// What is known of the requests, for the model.
pub struct Sight<'a> {
    pub net: &'a Shared,
    pub requests: &'a [Request],
    pub turn: u64,
    pub latest_ms: i64,
    pub now_ms: i64,
}

impl Witness for Sight<'_> {
    fn has_arrived(&self, request: RequestId) -> bool {
        // What is being sent just now is in no list yet.
        let Some(request) = self.requests.get(request) else { return false };
        request.end <= self.net.borrow().read(request.link)
    }

    fn is_under_way(&self, request: RequestId) -> bool {
        self.has_arrived(request) && self.requests[request].answered.is_none()
    }

    fn link_of(&self, request: RequestId) -> LinkId {
        self.requests[request].link
    }

    fn turn(&self) -> u64 {
        self.turn
    }

    fn latest_ms(&self) -> i64 {
        self.latest_ms
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }
}

/// The records of an answer's partition.
pub fn records(data: &fetch::PartitionData) -> Bytes {
    data.records.as_ref().map(|records| records.to_bytes()).unwrap_or_default()
}
