//! A world: one server, some parties, the networks between them, and one thread that moves it all.
//!
//! In: a seed. Out: nothing, or a panic that says which promise was broken. A step lets a party
//! speak, moves some bytes, lets the server work or time pass, or tears something; the model is
//! told of everything and asked at the end.

use std::time::Duration;

use dunlin_server::{Server, Statistics, sim};
use tokio::task::yield_now;

use crate::link::{Fate, Link};
use crate::model::{Health, Model};
use crate::party::Party;
use crate::profile::Profile;

/// With more bytes than this on their way up, the server gets its turn, and prompt readers theirs:
/// what they may have to take at once stays below every bound.
const BURST: usize = 8 * 1024;
/// After so many rounds, whatever was under way between the server and a prompt reader is there.
const PROMPT: usize = 16;
/// So many rounds without a byte moving, and the world is at rest.
const REST: usize = 20;

pub(crate) struct World {
    rng: fastrand::Rng,
    profile: Profile,
    server: Server,
    model: Model,
    parties: Vec<Party>,
    /// Connections that send what is no protocol; nobody listens to what they hear.
    strangers: Vec<Link>,
    unserved: usize,
    jumps: u64,
}

/// Runs the world that `seed` makes, and checks it; tells what the server counted, and how often
/// time leapt.
pub(crate) fn run(seed: u64, steps: usize) -> (Statistics, u64) {
    fastrand::seed(seed);
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .expect("a runtime")
        .block_on(async {
            let mut world = World::new(seed).await;
            for _ in 0..steps {
                world.step().await;
            }
            world.end().await
        })
}

impl World {
    async fn new(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let profile = Profile::new(&mut rng);
        let mut builder = Server::builder()
            .port(0)
            .lag(profile.lag)
            .max_pending_total(profile.pending_total_max)
            .max_payload(64 * 1024)
            .max_pending(profile.pending_max)
            .write_deadline(profile.write_deadline)
            .ping_interval(profile.ping_interval);
        if let Some(lag) = profile.lag_of_a {
            builder = builder.lag_for("a", lag).lag_for("a.>", lag);
        }
        let server = sim::repeatable(builder, seed).start().await;
        Self {
            rng,
            profile,
            server: server.expect("the server starts"),
            model: Model::default(),
            parties: Vec::new(),
            strangers: Vec::new(),
            unserved: 0,
            jumps: 0,
        }
    }

    async fn step(&mut self) {
        match self.rng.u32(0..1000) {
            0..400 => self.speak(),
            400..650 => self.carry_up(),
            650..850 => self.carry_down(),
            850..960 => self.serve(1).await,
            960..985 => self.pass(self.rng.clone().u64(1..20)).await,
            985..987 => self.pass(700).await,
            987..992 => self.connect(),
            992..996 => self.stall(),
            996..998 if self.profile.is_rough => self.tear(),
            998 if self.profile.is_rough => self.disturb(),
            999 if self.profile.has_jumps => self.jump().await,
            _ => self.leave(),
        }
        if self.unserved > BURST {
            self.serve(4).await;
        }
    }

    fn connect(&mut self) {
        let open = self.parties.iter().filter(|party| party.is_open());
        if open.count() < self.profile.parties_max {
            let is_lazy = self.profile.has_lazy && self.rng.u32(0..3) == 0;
            let link = Link::new(self.server.connect(), is_lazy);
            let has_echo = self.rng.u32(0..4) > 0;
            let id = self.parties.len();
            let party = Party::new(id, link, self.profile.is_verbose, has_echo);
            self.parties.push(party);
        }
    }

    /// An open party, by lot.
    fn somebody(&mut self) -> Option<usize> {
        let open: Vec<usize> = (0..self.parties.len())
            .filter(|at| self.parties[*at].is_open())
            .collect();
        match open.len() {
            0 => {
                self.connect();
                None
            }
            count => Some(open[self.rng.usize(0..count)]),
        }
    }

    fn speak(&mut self) {
        let Some(at) = self.somebody() else { return };
        for _ in 0..self.rng.usize(1..6) {
            if self.parties[at].link.up_len() < BURST {
                self.parties[at].act(&self.profile, &mut self.rng, &mut self.model);
            }
        }
    }

    fn carry_up(&mut self) {
        let Some(at) = self.somebody() else { return };
        let max = match self.rng.u32(0..3) {
            0 => self.rng.usize(1..20),
            1 => self.rng.usize(1..1000),
            _ => BURST,
        };
        self.unserved += self.parties[at].move_up(max, &mut self.model);
    }

    fn carry_down(&mut self) {
        let Some(at) = self.somebody() else { return };
        let party = &mut self.parties[at];
        if party.link.is_lazy && !party.link.is_stalled {
            let max = self.rng.usize(1..self.profile.pull_max);
            party.link.pull(max);
        }
        let max = match self.rng.u32(0..3) {
            0 => self.rng.usize(1..20),
            _ => usize::MAX,
        };
        party.hear(max, &mut self.model);
    }

    /// Lets the server work, and whoever reads promptly read.
    async fn serve(&mut self, turns: usize) {
        for _ in 0..turns {
            yield_now().await;
            for party in self.parties.iter_mut().filter(|party| !party.link.is_lazy) {
                while party.link.pull(usize::MAX) > 0 {}
            }
        }
        self.unserved = 0;
    }

    async fn pass(&mut self, milliseconds: u64) {
        self.serve(2).await;
        // What is said late counts as silence: a party that reads answers PINGs.
        for party in self.parties.iter_mut().filter(|party| !party.link.is_lazy) {
            party.hear(usize::MAX, &mut self.model);
            party.move_up(BURST, &mut self.model);
        }
        tokio::time::advance(Duration::from_millis(milliseconds)).await;
        self.serve(2).await;
    }

    /// Minutes to weeks pass in a moment. Whoever reads promptly has heard and answered everything
    /// before: more than one PING nobody can have missed.
    async fn jump(&mut self) {
        const LEAPS: [u64; 4] = [90, 3_600, 86_400, 30 * 86_400];
        for _ in 0..PROMPT {
            self.serve(1).await;
            for party in self.parties.iter_mut().filter(|party| !party.link.is_lazy) {
                party.hear(usize::MAX, &mut self.model);
                party.move_up(BURST, &mut self.model);
            }
        }
        let leap = LEAPS[self.rng.usize(0..LEAPS.len())];
        tokio::time::advance(Duration::from_secs(leap)).await;
        self.jumps += 1;
        self.serve(2).await;
    }

    fn stall(&mut self) {
        let Some(at) = self.somebody() else { return };
        let link = &mut self.parties[at].link;
        link.is_stalled = link.is_lazy && !link.is_stalled;
    }

    fn tear(&mut self) {
        let Some(at) = self.somebody() else { return };
        self.parties[at].link.cut();
    }

    fn leave(&mut self) {
        let Some(at) = self.somebody() else { return };
        // What somebody who leaves did not read is its own choice, and no drop that is counted.
        let is_hidden = self.profile.is_exact && self.parties[at].link.is_lazy;
        if !is_hidden && self.rng.u32(0..3) == 0 {
            self.parties[at].link.half_close();
        }
    }

    /// Somebody sends what is no protocol.
    fn disturb(&mut self) {
        const PIECES: &[&str] = &[
            "PUB",
            "SUB ",
            " ",
            "\r\n",
            "a",
            "-1",
            "99999999999999999999",
            "CONNECT {",
            "}",
            "\0",
            "HPUB a 5 4\r\n",
            "UNSUB",
            "PING\r\n",
            "PONG\r\n",
            "INFO {}\r\n",
            "\t",
            "é",
            "+OK",
        ];
        let mut link = Link::new(self.server.connect(), false);
        for _ in 0..self.rng.usize(1..40) {
            link.say(PIECES[self.rng.usize(0..PIECES.len())].as_bytes());
        }
        link.move_up(BURST);
        self.strangers.push(link);
        if self.strangers.len() > 4 {
            self.strangers.remove(0);
        }
    }

    /// Lets everything arrive, asks everybody, and holds what was heard against the model.
    async fn end(mut self) -> (Statistics, u64) {
        self.strangers.clear();
        for party in &mut self.parties {
            party.link.is_stalled = false;
        }
        self.rest().await;
        for party in self.parties.iter_mut().filter(|party| party.is_open()) {
            party.ping();
        }
        self.rest().await;
        for party in self.parties.iter_mut() {
            party.check_end();
            assert!(
                !party.is_open() || party.is_answered(),
                "a PING was not answered"
            );
        }
        let is_lossy = self.profile.is_lossy();
        let health = self.parties.iter().map(|party| party.health(is_lossy));
        let health: Vec<Health> = health.collect();
        self.model.judge(&health);
        let statistics = self.server.statistics();
        self.check_account(&statistics);
        let Self {
            server,
            mut parties,
            jumps,
            ..
        } = self;
        server.shutdown().await;
        for party in parties
            .iter_mut()
            .filter(|party| party.link.fate == Fate::Open)
        {
            while party.link.pull(usize::MAX) > 0 {}
            assert!(party.link.is_ended, "a connection outlived its server");
        }
        (statistics, jumps)
    }

    /// Moves everything until nothing moves any more.
    async fn rest(&mut self) {
        let mut quiet = 0;
        while quiet < REST {
            let mut moved = 0;
            for at in 0..self.parties.len() {
                moved += self.parties[at].move_up(BURST, &mut self.model);
                self.serve(1).await;
                for party in &mut self.parties {
                    while party.link.pull(usize::MAX) > 0 {
                        moved += 1;
                    }
                    moved += party.hear(usize::MAX, &mut self.model);
                }
            }
            tokio::time::advance(Duration::from_millis(50)).await;
            quiet = if moved == 0 { quiet + 1 } else { 0 };
        }
    }

    /// What was counted against what happened.
    fn check_account(&self, counted: &Statistics) {
        let open = |at: usize| self.parties[at].is_open();
        let parties = || (0..self.parties.len()).filter(|at| open(*at));
        if !self.profile.is_rough {
            assert_eq!(counted.connections, parties().count() as u64, "connections");
            let in_force = self.model.in_force(open);
            // What was dropped after it was queued has counted for UNSUB.
            let is_known = !self.profile.is_lossy() || !self.profile.has_lazy;
            assert!(
                !is_known || counted.subscriptions == in_force as u64,
                "subscriptions"
            );
        }
        let told = |party: &&Party| party.error.as_deref() == Some("Slow Consumer");
        let told = self.parties.iter().filter(told).count() as u64;
        assert!(counted.slow_consumers >= told, "slow consumers");
        let is_ample = self.profile.pending_total_max > 1 << 21;
        assert!(
            counted.evicted_consumers <= counted.slow_consumers
                && (counted.evicted_consumers == 0 || !is_ample),
            "evicted: {counted:?}"
        );
        if self.profile.is_exact {
            assert_eq!(
                counted.out_messages + counted.refused_messages,
                self.model.heard_count + counted.dropped_messages,
                "queued or refused, and heard or dropped: {counted:?}"
            );
        }
    }
}
