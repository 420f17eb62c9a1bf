//! Rooms that fill, on shards that carry them.

use super::*;

const CAPACITY: Capacity = Capacity {
    rooms_max: 100,
    participants_max: 1_000,
    subscriptions_max: 64_000,
    spill_participants: 50,
    spill_subscriptions: 400,
};

fn idle(shard: u16) -> ShardLoad {
    ShardLoad { shard: ShardId(shard), placed: Placed::default(), busy_permille: 0, is_healthy: true, is_behind: false }
}

fn shards(count: u16) -> Vec<ShardLoad> {
    (0..count).map(idle).collect()
}

fn share(shard: u16, participants: usize, subscriptions: usize) -> Share {
    Share { shard: ShardId(shard), participants, subscriptions }
}

fn room(home: u16, shares: &[Share]) -> RoomPlaces {
    RoomPlaces { home: ShardId(home), shares: shares.to_vec() }
}

/// A node that carries out what is decided, with subscriptions that come some joins later, as they do in a storm.
struct Node {
    loads: Vec<ShardLoad>,
    capacity: Capacity,
    /// Joined, with subscriptions still to come.
    fresh: std::collections::VecDeque<(usize, ShardId)>,
    rooms: Vec<RoomPlaces>,
}

impl Node {
    fn new(count: u16) -> Self {
        Self { loads: shards(count), capacity: CAPACITY, fresh: std::collections::VecDeque::new(), rooms: Vec::new() }
    }

    fn load(&mut self, shard: ShardId) -> &mut ShardLoad {
        &mut self.loads[usize::from(shard.0)]
    }

    fn open(&mut self) -> usize {
        let home = place(None, &self.loads, &self.capacity).expect("has a place");
        self.load(home).placed.rooms += 1;
        self.rooms.push(room(home.0, &[share(home.0, 0, 0)]));
        self.rooms.len() - 1
    }

    fn share(&mut self, room: usize, shard: ShardId) -> &mut Share {
        let room = &mut self.rooms[room];
        if !room.shares.iter().any(|share| share.shard == shard) {
            self.loads[usize::from(shard.0)].placed.rooms += 1;
            room.shares.push(share(shard.0, 0, 0));
        }
        room.shares.iter_mut().find(|share| share.shard == shard).expect("pushed above")
    }

    /// One more participant, and `each` subscriptions for the one that came `lag` joins before.
    fn join(&mut self, room: usize, each: usize, lag: usize) -> ShardId {
        let shard = place(Some(&self.rooms[room]), &self.loads, &self.capacity).expect("has a place");
        self.share(room, shard).participants += 1;
        self.load(shard).placed.participants += 1;
        self.fresh.push_back((room, shard));
        if self.fresh.len() > lag {
            let (room, shard) = self.fresh.pop_front().expect("is longer than nothing");
            self.share(room, shard).subscriptions += each;
            self.load(shard).placed.subscriptions += each;
        }
        shard
    }

    fn participants(&self, room: usize) -> Vec<usize> {
        let on = |load: &ShardLoad| self.rooms[room].shares.iter().filter(|s| s.shard == load.shard).map(|s| s.participants).sum();
        self.loads.iter().map(on).collect()
    }
}

#[test]
fn small_rooms_stay_whole_and_spread_over_the_shards() {
    let mut node = Node::new(4);
    for _ in 0..40 {
        let room = node.open();
        let home = node.rooms[room].home;
        for _ in 0..10 {
            assert_eq!(node.join(room, 9, 3), home);
        }
    }
    assert!(node.loads.iter().all(|load| load.placed.participants == 100), "{:?}", node.loads);
}

/// However long the subscriptions take to follow the joins.
#[test]
fn a_room_of_one_publisher_ends_up_on_all_shards_evenly() {
    for (count, lag) in [(2, 0), (2, 50), (2, 300), (4, 50), (8, 500)] {
        let mut node = Node::new(count);
        let room = node.open();
        for _ in 0..300 * usize::from(count) {
            node.join(room, 2, lag);
        }
        for participants in node.participants(room) {
            assert!(participants.abs_diff(300) <= 15, "{count} shards, {lag} joins late: {:?}", node.participants(room));
        }
    }
}

#[test]
fn a_room_fills_a_shard_before_it_opens_the_next() {
    let mut node = Node::new(4);
    let room = node.open();
    for _ in 0..120 {
        node.join(room, 1, 0);
    }
    let mut participants = node.participants(room);
    participants.sort_unstable();
    assert_eq!(participants, [0, 20, 50, 50]);
}

#[test]
fn many_subscriptions_spill_as_many_participants_do() {
    let mut loads = shards(2);
    loads[0].placed = Placed { rooms: 1, participants: 10, subscriptions: 400, ..Placed::default() };
    assert_eq!(place(Some(&room(0, &[share(0, 10, 399)])), &loads, &CAPACITY), Ok(ShardId(0)));
    assert_eq!(place(Some(&room(0, &[share(0, 10, 400)])), &loads, &CAPACITY), Ok(ShardId(1)));
    assert_eq!(place(Some(&room(0, &[share(0, 50, 0)])), &loads, &CAPACITY), Ok(ShardId(1)));
}

#[test]
fn whoever_comes_back_to_a_room_that_shrank_finds_its_home() {
    let loads = shards(2);
    assert_eq!(place(Some(&room(1, &[share(0, 20, 20), share(1, 10, 10)])), &loads, &CAPACITY), Ok(ShardId(1)));
}

#[test]
fn a_full_shard_is_never_chosen() {
    let full = [
        Placed { participants: 1_000, ..Placed::default() },
        Placed { subscriptions: 64_000, ..Placed::default() },
        Placed { rooms: 100, ..Placed::default() },
    ];
    for placed in full {
        let mut loads = shards(2);
        loads[0].placed = placed;
        // The other one is as bad as it gets without being full.
        loads[1] = ShardLoad { busy_permille: 1_000, is_healthy: false, ..loads[1] };
        loads[1].placed.participants = 999;
        assert_eq!(place(None, &loads, &CAPACITY), Ok(ShardId(1)), "{placed:?}");
        loads[1].placed = placed;
        assert_eq!(place(None, &loads, &CAPACITY), Err(NoPlace::Full), "{placed:?}");
    }
    let mut loads = shards(1);
    loads[0].placed.rooms = 100;
    assert_eq!(place(Some(&room(0, &[share(0, 1, 1)])), &loads, &CAPACITY), Ok(ShardId(0)), "its room is open there already");
}

#[test]
fn an_overloaded_shard_gets_nobody_while_another_is_free() {
    let mut loads = shards(3);
    let at_home = room(0, &[share(0, 2, 2), share(1, 3, 3)]);
    loads[0].busy_permille = 701;
    assert_eq!(place(Some(&at_home), &loads, &CAPACITY), Ok(ShardId(1)), "where the room is as well");
    loads[1].busy_permille = 900;
    assert_eq!(place(Some(&at_home), &loads, &CAPACITY), Ok(ShardId(2)), "where it is not");
    assert_eq!(place(None, &loads, &CAPACITY), Ok(ShardId(2)));
    loads[2].busy_permille = 702;
    assert_eq!(place(Some(&at_home), &loads, &CAPACITY), Ok(ShardId(0)), "all are: at least no relay");
    assert_eq!(place(None, &loads, &CAPACITY), Ok(ShardId(0)), "the least loaded");
    loads[0].busy_permille = 700;
    assert_eq!(place(Some(&at_home), &loads, &CAPACITY), Ok(ShardId(0)), "70 % is not overloaded");
}

#[test]
fn a_shard_that_failed_is_the_last_resort() {
    let mut loads = shards(2);
    loads[0].is_healthy = false;
    loads[1].busy_permille = 990;
    assert_eq!(place(Some(&room(0, &[share(0, 0, 0)])), &loads, &CAPACITY), Ok(ShardId(1)));
    loads[1].is_behind = true;
    assert_eq!(place(Some(&room(0, &[share(0, 0, 0)])), &loads, &CAPACITY), Ok(ShardId(0)));
    loads[0].is_behind = true;
    assert_eq!(place(None, &loads, &CAPACITY), Err(NoPlace::Behind), "it may take someone in a moment");
}

/// What was posted tells apart what is known at once: many who are quiet from few who are not.
#[test]
fn quiet_participants_weigh_less_than_busy_ones() {
    let mut loads = shards(2);
    loads[0].placed = Placed { participants: 100, subscriptions: 300, ..Placed::default() };
    loads[1].placed = Placed { participants: 20, subscriptions: 100, ..Placed::default() };
    assert_eq!(place(None, &loads, &CAPACITY), Ok(ShardId(1)));
    loads[0].busy_permille = 20;
    loads[1].busy_permille = 500;
    assert_eq!(place(None, &loads, &CAPACITY), Ok(ShardId(0)));
}

/// A second's joins do not all go to the shard that happened to have a quiet second.
#[test]
fn a_little_noise_in_what_was_posted_moves_few() {
    let mut node = Node::new(2);
    node.loads[0].busy_permille = 50;
    node.loads[1].busy_permille = 30;
    let room = node.open();
    for _ in 0..400 {
        node.join(room, 2, 50);
    }
    let participants = node.participants(room);
    assert!(participants[0].abs_diff(participants[1]) <= 30, "{participants:?}");
}
