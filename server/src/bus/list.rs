//! The subscriptions of one filter, and what a subject matched: lists of them, shared and finished.

use std::cell::OnceCell;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Subscription;

/// The subscriptions that have the same filter. Never empty; its readers hold it while they
/// deliver, and a change then makes a new one.
#[derive(Clone)]
pub(super) enum List {
    /// By far the most filters have one subscription: no list is allocated for it.
    One(Arc<Subscription>),
    Many(Arc<Group>),
}

#[derive(Clone, Default)]
pub(super) struct Group {
    pub(super) plain: Vec<Arc<Subscription>>,
    pub(super) queues: Vec<Queue>,
}

/// The members of one queue group with the same filter. Never empty.
#[derive(Clone)]
pub(super) struct Queue {
    members: Vec<Arc<Subscription>>,
}

impl List {
    pub(super) fn filter(&self) -> &[u8] {
        match self {
            Self::One(subscription) => subscription.filter(),
            Self::Many(group) => group
                .any()
                .map_or(&[], |subscription| subscription.filter()),
        }
    }

    pub(super) fn insert(&mut self, subscription: &Arc<Subscription>) {
        if let Self::One(first) = self {
            let mut group = Group::default();
            group.insert(first);
            *self = Self::Many(Arc::new(group));
        }
        if let Self::Many(group) = self {
            Arc::make_mut(group).insert(subscription);
        }
    }

    /// Takes `subscription` out: whether it was there, and whether the list is empty now and must
    /// go.
    pub(super) fn remove(&mut self, subscription: &Arc<Subscription>) -> (bool, bool) {
        match self {
            Self::One(only) => {
                let is_it = Arc::ptr_eq(only, subscription);
                (is_it, is_it)
            }
            Self::Many(group) => {
                if !group.holds(subscription) {
                    return (false, false);
                }
                let group = Arc::make_mut(group);
                group.remove(subscription);
                (true, group.any().is_none())
            }
        }
    }

    /// The subscriptions that are in no queue group.
    pub(super) fn plain(&self) -> &[Arc<Subscription>] {
        match self {
            Self::One(only) if only.queue().is_none() => std::slice::from_ref(only),
            Self::One(_) => &[],
            Self::Many(group) => &group.plain,
        }
    }

    fn has_queues(&self) -> bool {
        match self {
            Self::One(subscription) => subscription.queue().is_some(),
            Self::Many(group) => !group.queues.is_empty(),
        }
    }
}

impl Group {
    fn any(&self) -> Option<&Arc<Subscription>> {
        self.plain
            .first()
            .or_else(|| self.queues.first()?.members.first())
    }

    fn insert(&mut self, subscription: &Arc<Subscription>) {
        let members = match subscription.queue() {
            None => &mut self.plain,
            Some(name) => match self.queues.iter().position(|queue| queue.name() == name) {
                Some(at) => &mut self.queues[at].members,
                None => {
                    self.queues.push(Queue {
                        members: Vec::with_capacity(1),
                    });
                    let last = self.queues.len() - 1;
                    &mut self.queues[last].members
                }
            },
        };
        subscription.set_place(members.len());
        members.push(Arc::clone(subscription));
    }

    /// The members that `subscription` would be among, by its place in them.
    fn holds(&self, subscription: &Arc<Subscription>) -> bool {
        let members = match subscription.queue() {
            None => Some(&self.plain),
            Some(name) => self
                .queues
                .iter()
                .find(|queue| queue.name() == name)
                .map(|queue| &queue.members),
        };
        members
            .and_then(|members| members.get(subscription.place()))
            .is_some_and(|member| Arc::ptr_eq(member, subscription))
    }

    fn remove(&mut self, subscription: &Arc<Subscription>) {
        let Some(name) = subscription.queue() else {
            return take_out(&mut self.plain, subscription.place());
        };
        if let Some(at) = self.queues.iter().position(|queue| queue.name() == name) {
            take_out(&mut self.queues[at].members, subscription.place());
            if self.queues[at].members.is_empty() {
                self.queues.swap_remove(at);
            }
        }
    }
}

/// Takes the member at `place` out and moves the last one there; gives memory back.
fn take_out(members: &mut Vec<Arc<Subscription>>, place: usize) {
    members.swap_remove(place);
    if let Some(moved) = members.get(place) {
        moved.set_place(place);
    }
    if members.len() < members.capacity() / 4 {
        members.shrink_to(members.len() * 2);
    }
}

impl Queue {
    pub(super) fn name(&self) -> &[u8] {
        self.members
            .first()
            .and_then(|member| member.queue())
            .unwrap_or_default()
    }
}

/// Queue groups, as rows of members; no group and no row is empty.
pub(super) type Groups<'a> = SmallVec<[Rows<'a>; 2]>;
/// The members of a queue group, one row per filter.
pub(super) type Rows<'a> = SmallVec<[&'a [Arc<Subscription>]; 2]>;

/// Everything that covers one subject: the lists of the filters, each as it stood.
#[derive(Clone, Default)]
pub(super) struct Matched {
    lists: SmallVec<[List; 2]>,
    has_queues: bool,
    /// Whether nobody is reached twice; known when it has been asked.
    reaches_each_once: OnceCell<bool>,
}

impl Matched {
    pub(super) fn push(&mut self, list: &List) {
        self.has_queues |= list.has_queues();
        self.lists.push(list.clone());
    }

    pub(super) fn has_queues(&self) -> bool {
        self.has_queues
    }

    /// Whether there are no queue groups, and no two of the subscriptions have the same owner.
    pub(super) fn reaches_each_once(&self) -> bool {
        *self.reaches_each_once.get_or_init(|| {
            if self.has_queues {
                return false;
            }
            let plain = self.lists.iter().flat_map(|list| list.plain());
            let mut owners: SmallVec<[u64; 8]> = plain.map(|known| known.owner()).collect();
            owners.sort_unstable();
            owners.windows(2).all(|pair| pair[0] != pair[1])
        })
    }

    /// The queue groups, each with its members in one row per filter: the name makes the group,
    /// whatever the filters are. Source: protocol.md#queue-groups.
    pub(super) fn groups(&self) -> Groups<'_> {
        let mut groups = Groups::new();
        if !self.has_queues {
            return groups;
        }
        for row in self.rows() {
            let name = row[0].queue();
            match groups.iter_mut().find(|rows| rows[0][0].queue() == name) {
                Some(rows) => rows.push(row),
                None => groups.push(SmallVec::from_elem(row, 1)),
            }
        }
        groups
    }

    /// The queue members of each list, one row per name; no row is empty.
    fn rows(&self) -> impl Iterator<Item = &[Arc<Subscription>]> {
        self.lists.iter().flat_map(|list| {
            let (one, many) = match list {
                List::One(only) if only.queue().is_some() => {
                    (Some(std::slice::from_ref(only)), None)
                }
                List::One(_) => (None, None),
                List::Many(group) => (None, Some(group.queues.iter())),
            };
            one.into_iter()
                .chain(many.into_iter().flatten().map(|queue| &queue.members[..]))
        })
    }
}

impl<'a> IntoIterator for &'a Matched {
    type Item = &'a List;
    type IntoIter = std::slice::Iter<'a, List>;

    fn into_iter(self) -> Self::IntoIter {
        self.lists.iter()
    }
}
