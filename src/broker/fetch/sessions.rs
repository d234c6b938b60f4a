//! Fetch sessions (KIP-227): a client names its partitions once, and afterwards only what changes.
//!
//! | the request's session id, epoch | what it is |
//! | --- | --- |
//! | 0, -1 | a full fetch without a session |
//! | 0, 0 | a full fetch that asks for a session; the answer has its id, and its epoch is then 1 |
//! | id, n | an incremental fetch: what is new or changed, and what to forget; n must be the session's epoch, which rises |
//! | id, 0 or -1 | a full fetch that ends the session, with 0 in favour of a new one |
//!
//! The answer to an incremental fetch leaves out the partitions about which there is nothing new. A session keeps its
//! partitions in an order, and those that had data go to the end of it: with a small `max_bytes`, everyone gets a turn.
//!
//! Sessions count in the budget of memory. A client for whose session there is no room is served without one.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::broker::Now;
use crate::broker::random::Random;
use crate::broker::topics::{NAME_LENGTH_MAX, Topic, Topics};
use crate::budget::{Budget, Share};
use crate::config::Config;
use crate::wire::messages::fetch::{FetchPartition, PartitionData, Request};
use crate::wire::{ErrorCode, Uuid};

/// In place of a session's id: there is none.
const NO_SESSION: i32 = 0;
/// The epoch that asks for a session.
const INITIAL_EPOCH: i32 = 0;
/// The epoch that wants none, or ends one.
const FINAL_EPOCH: i32 = -1;
/// A session is not evicted for another before it is this old, or unused for this long.
const EVICTION_AGE: Duration = Duration::from_secs(120);

/// What a client wants of one partition.
#[derive(Debug, Clone)]
pub struct WantedPartition {
    /// The name, also in versions that have ids: what the id meant when the client asked for the partition. Empty if nothing.
    pub topic: Rc<str>,
    /// The id in versions that have it, else zero.
    pub topic_id: Uuid,
    pub partition: i32,
    pub fetch_offset: i64,
    pub max_bytes: i32,
    pub current_leader_epoch: i32,
    pub last_fetched_epoch: i32,
}

impl WantedPartition {
    fn new(topic: Rc<str>, topic_id: Uuid, partition: &FetchPartition) -> Self {
        Self {
            topic,
            topic_id,
            partition: partition.partition,
            fetch_offset: partition.fetch_offset,
            max_bytes: partition.partition_max_bytes,
            current_leader_epoch: partition.current_leader_epoch,
            last_fetched_epoch: partition.last_fetched_epoch,
        }
    }

    /// The topic, if it is still the one that the client meant.
    pub fn topic<'a>(&self, topics: &'a Topics, by_id: bool) -> Result<&'a Topic, ErrorCode> {
        topics.resolve(&self.topic, self.topic_id, by_id).map_err(|error| match topics.get(&self.topic) {
            _ if !by_id || self.topic.is_empty() => error,
            Some(_another) => ErrorCode::INCONSISTENT_TOPIC_ID,
            None => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        })
    }

    fn key(&self) -> Key {
        key(&self.topic, self.topic_id, self.partition)
    }
}

/// What a partition is known by: with the id of its topic if it has one, because a name may come to mean another topic.
fn key(topic: &Rc<str>, topic_id: Uuid, partition: i32) -> Key {
    let name = if topic_id == Uuid::ZERO { Rc::clone(topic) } else { Rc::default() };
    (name, topic_id, partition)
}

/// The partitions that a request names, each once: of two the later one counts. Of a topic whose name is too long for one, only
/// the first partition is looked at: that is enough to tell that there is no such topic.
fn wanted_partitions(request: &Request, topics: &Topics, by_id: bool) -> Vec<WantedPartition> {
    let mut wanted: Vec<WantedPartition> = Vec::new();
    let mut places = HashMap::new();
    for topic in &request.topics {
        let known = topics.by_id(topic.topic_id).map_or("", |known| &known.name);
        let name: Rc<str> = if by_id { known.into() } else { topic.topic.as_str().into() };
        let counting = if name.len() > NAME_LENGTH_MAX { 1 } else { usize::MAX };
        for partition in topic.partitions.iter().take(counting) {
            let partition = WantedPartition::new(Rc::clone(&name), topic.topic_id, partition);
            let place = *places.entry(partition.key()).or_insert(wanted.len());
            match wanted.get_mut(place) {
                Some(earlier) => *earlier = partition,
                None => wanted.push(partition),
            }
        }
    }
    wanted
}

type Key = (Rc<str>, Uuid, i32);

/// A partition of a session, and what its client has been told of it.
#[derive(Debug)]
struct SessionPartition {
    wanted: WantedPartition,
    high_watermark: i64,
    log_start_offset: i64,
}

impl SessionPartition {
    fn new(wanted: WantedPartition) -> Self {
        Self { wanted, high_watermark: -1, log_start_offset: -1 }
    }

    /// Whether the client has to hear of this, and notes that it does.
    fn is_news(&mut self, data: &PartitionData) -> bool {
        let mut news = data.records.as_ref().is_some_and(|records| records.length() > 0);
        news |= self.high_watermark != data.high_watermark;
        self.high_watermark = data.high_watermark;
        news |= self.log_start_offset != data.log_start_offset;
        self.log_start_offset = data.log_start_offset;
        // What goes wrong has no high watermark, so the client hears of it each time, and once more when it is well again.
        news |= data.error_code.is_error() || data.diverging_epoch != Default::default();
        news
    }
}

/// What a broker remembers of one client's fetches.
#[derive(Debug)]
pub struct FetchSession {
    id: i32,
    epoch: i32,
    by_id: bool,
    /// The partitions in their order, by a number that rises.
    partitions: BTreeMap<u64, SessionPartition>,
    places: HashMap<Key, u64>,
    next_place: u64,
    created: Instant,
    last_used: Instant,
    share: Share,
}

/// What a session takes for each partition, beside the name of its topic.
const PARTITION_BYTES: usize = size_of::<(u64, SessionPartition)>() + size_of::<(Key, u64)>();

fn bytes_of(wanted: &WantedPartition) -> usize {
    PARTITION_BYTES + wanted.topic.len()
}

impl FetchSession {
    fn new(id: i32, by_id: bool, now: Instant, budget: &Budget) -> Self {
        Self {
            share: budget.share(),
            id,
            epoch: next_epoch(INITIAL_EPOCH),
            by_id,
            partitions: BTreeMap::new(),
            places: HashMap::new(),
            next_place: 0,
            created: now,
            last_used: now,
        }
    }

    /// The bytes that it takes. That a name may be shared is left out of account.
    fn held_bytes(&self) -> usize {
        self.partitions.values().map(|partition| bytes_of(&partition.wanted)).sum()
    }

    fn put(&mut self, wanted: WantedPartition) {
        let key = wanted.key();
        match self.places.get(&key).and_then(|place| self.partitions.get_mut(place)) {
            Some(known) => known.wanted = wanted,
            None => self.push(key, SessionPartition::new(wanted)),
        }
    }

    fn push(&mut self, key: Key, partition: SessionPartition) {
        self.places.insert(key, self.next_place);
        self.partitions.insert(self.next_place, partition);
        self.next_place += 1;
    }

    fn forget(&mut self, key: &Key) {
        if let Some(place) = self.places.remove(key) {
            self.partitions.remove(&place);
        }
    }

    fn move_to_end(&mut self, place: u64) {
        if let Some(partition) = self.partitions.remove(&place) {
            self.push(partition.wanted.key(), partition);
        }
    }

    /// Of the answers for all partitions, in their order, those that are news.
    fn news(&mut self, answers: Vec<PartitionData>) -> Vec<Answer> {
        let mut news = Vec::new();
        let mut with_data = Vec::new();
        for ((place, partition), data) in self.partitions.iter_mut().zip(answers) {
            if data.records.as_ref().is_some_and(|records| records.length() > 0) {
                with_data.push(*place);
            }
            if partition.is_news(&data) {
                news.push((partition.wanted.topic.clone(), partition.wanted.topic_id, data));
            }
        }
        with_data.into_iter().for_each(|place| self.move_to_end(place));
        news
    }
}

/// After the largest epoch comes 1: 0 asks for a new session.
fn next_epoch(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

/// A topic's name and id, as the request gave them, and the answer for one of its partitions.
pub type Answer = (Rc<str>, Uuid, PartitionData);

/// Where the partitions of a fetch come from.
#[derive(Debug)]
pub enum Context {
    /// From the request, and nothing is remembered.
    Sessionless(Vec<WantedPartition>),
    /// From the request, which asks for a session.
    Full(Vec<WantedPartition>),
    /// From a session. It may have been evicted meanwhile; the client learns that with its next request.
    Incremental(Rc<RefCell<FetchSession>>),
}

impl Context {
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Sessionless(wanted) | Self::Full(wanted) => wanted.is_empty(),
            Self::Incremental(session) => session.borrow().partitions.is_empty(),
        }
    }

    /// The id of the session that there is already.
    pub fn session_id(&self) -> i32 {
        match self {
            Self::Sessionless(_) | Self::Full(_) => NO_SESSION,
            Self::Incremental(session) => session.borrow().id,
        }
    }

    /// What it takes, unless that is in a session.
    pub fn held_bytes(&self) -> usize {
        match self {
            Self::Sessionless(wanted) | Self::Full(wanted) => wanted.iter().map(bytes_of).sum(),
            Self::Incremental(_) => 0,
        }
    }

    /// Looks at each partition, in order.
    pub fn for_each(&self, mut look: impl FnMut(&WantedPartition)) {
        match self {
            Self::Sessionless(wanted) | Self::Full(wanted) => wanted.iter().for_each(look),
            Self::Incremental(session) => {
                session.borrow().partitions.values().for_each(|partition| look(&partition.wanted));
            }
        }
    }

    pub fn map<T>(&self, mut look: impl FnMut(&WantedPartition) -> T) -> Vec<T> {
        let mut results = Vec::new();
        self.for_each(|wanted| results.push(look(wanted)));
        results
    }
}

/// All sessions, at most `max.incremental.fetch.session.cache.slots` of them.
#[derive(Debug)]
pub struct FetchSessions {
    sessions: HashMap<i32, Rc<RefCell<FetchSession>>>,
    slots: usize,
    budget: Budget,
}

impl FetchSessions {
    pub fn new(config: &Config, budget: &Budget) -> Self {
        let slots = usize::try_from(config.max_incremental_fetch_session_cache_slots).unwrap_or(0);
        Self { sessions: HashMap::new(), slots, budget: budget.clone() }
    }

    /// The bytes of all sessions.
    pub fn held_bytes(&self) -> usize {
        self.sessions.values().map(|session| session.borrow().share.bytes()).sum()
    }

    /// Finds out which partitions a request means, and brings its session up to date.
    pub fn open(&mut self, request: Request, topics: &Topics, by_id: bool, now: Now) -> Result<Context, ErrorCode> {
        let wanted = wanted_partitions(&request, topics, by_id);
        if request.session_epoch == INITIAL_EPOCH || request.session_epoch == FINAL_EPOCH {
            self.forget(request.session_id);
            return Ok(match request.session_epoch {
                INITIAL_EPOCH => Context::Full(wanted),
                _ => Context::Sessionless(wanted),
            });
        }
        let shared = self.sessions.get(&request.session_id).ok_or(ErrorCode::FETCH_SESSION_ID_NOT_FOUND)?;
        let shared = Rc::clone(shared);
        let mut session = shared.borrow_mut();
        if session.epoch != request.session_epoch {
            return Err(ErrorCode::INVALID_FETCH_SESSION_EPOCH);
        }
        if session.by_id != by_id {
            return Err(ErrorCode::FETCH_SESSION_TOPIC_ID_ERROR);
        }
        if wanted.iter().map(bytes_of).sum::<usize>() > self.budget.room() {
            // The client begins again with a full fetch.
            drop(session);
            self.forget(request.session_id);
            return Err(ErrorCode::FETCH_SESSION_ID_NOT_FOUND);
        }
        wanted.into_iter().for_each(|wanted| session.put(wanted));
        for topic in request.forgotten_topics_data.into_iter().filter(|topic| topic.topic.len() <= NAME_LENGTH_MAX) {
            let name: Rc<str> = topic.topic.into();
            for partition in topic.partitions {
                session.forget(&key(&name, topic.topic_id, partition));
            }
        }
        let held_bytes = session.held_bytes();
        session.share.set(held_bytes);
        if session.partitions.is_empty() {
            drop(session);
            self.forget(request.session_id);
            return Ok(Context::Sessionless(Vec::new()));
        }
        session.epoch = next_epoch(session.epoch);
        session.last_used = now.instant;
        drop(session);
        Ok(Context::Incremental(shared))
    }

    /// What must hold between two requests.
    pub fn invariants(&self) {
        assert!(self.sessions.len() <= self.slots, "no more sessions than there are slots for");
        for (id, session) in &self.sessions {
            let session = session.borrow();
            assert_eq!((session.id, session.places.len()), (*id, session.partitions.len()));
            assert_eq!(session.share.bytes(), session.held_bytes());
            let places = session.partitions.iter().map(|(place, partition)| (partition.wanted.key(), place));
            places.for_each(|(key, place)| assert_eq!(session.places.get(&key), Some(place)));
        }
    }

    /// Ends a fetch: gives the session's id for the response, and which answers go into it.
    pub fn close(
        &mut self,
        context: Context,
        answers: Vec<PartitionData>,
        by_id: bool,
        now: Now,
        random: &mut Random,
    ) -> (i32, Vec<Answer>) {
        let all = |wanted: Vec<WantedPartition>, answers: Vec<PartitionData>| {
            wanted.into_iter().zip(answers).map(|(wanted, data)| (wanted.topic, wanted.topic_id, data)).collect()
        };
        match context {
            Context::Sessionless(wanted) => (NO_SESSION, all(wanted, answers)),
            Context::Full(wanted) => {
                let id = self.create(&wanted, &answers, by_id, now.instant, random);
                (id, all(wanted, answers))
            }
            Context::Incremental(session) => {
                let mut session = session.borrow_mut();
                (session.id, session.news(answers))
            }
        }
    }

    /// Creates a session, if there is room for it, that knows what its client is about to be told.
    fn create(
        &mut self,
        wanted: &[WantedPartition],
        answers: &[PartitionData],
        by_id: bool,
        now: Instant,
        random: &mut Random,
    ) -> i32 {
        let has_room = wanted.iter().map(bytes_of).sum::<usize>() <= self.budget.room();
        if !has_room || self.sessions.len() >= self.slots && !self.evict(wanted.len(), now) {
            return NO_SESSION;
        }
        let id = self.unused_id(random);
        let mut session = FetchSession::new(id, by_id, now, &self.budget);
        for (wanted, data) in wanted.iter().zip(answers) {
            let mut partition = SessionPartition::new(wanted.clone());
            partition.is_news(data);
            session.push(wanted.key(), partition);
        }
        let held_bytes = session.held_bytes();
        session.share.set(held_bytes);
        self.sessions.insert(id, Rc::new(RefCell::new(session)));
        id
    }

    /// Lets go of a session, if there is one of this id. A fetch that waits may go on with it.
    fn forget(&mut self, id: i32) -> bool {
        let forgotten = self.sessions.remove(&id);
        forgotten.inspect(|session| session.borrow_mut().share.set(0)).is_some()
    }

    fn unused_id(&self, random: &mut Random) -> i32 {
        loop {
            let id = (random.next_u64() >> 33) as i32;
            if id != NO_SESSION && !self.sessions.contains_key(&id) {
                return id;
            }
        }
    }

    /// Makes room for a session of `size` partitions: the one that was unused for long, or else a smaller old one.
    fn evict(&mut self, size: usize, now: Instant) -> bool {
        let is_old = |since| now.saturating_duration_since(since) > EVICTION_AGE;
        let unused = self
            .sessions
            .values()
            .map(|session| session.borrow())
            .map(|session| (session.last_used, session.id))
            .min()
            .filter(|(last_used, _)| is_old(*last_used))
            .map(|(_, id)| id);
        let smaller = || {
            self.sessions
                .values()
                .map(|session| session.borrow())
                .filter(|session| is_old(session.created) && session.partitions.len() < size)
                .map(|session| (session.partitions.len(), session.id))
                .min()
                .map(|(_, id)| id)
        };
        let victim = unused.or_else(smaller);
        victim.is_some_and(|id| self.forget(id))
    }
}
