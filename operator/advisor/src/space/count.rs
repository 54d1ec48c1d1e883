//! How many configurations a space has.

use super::Space;

impl Space {
    /// How many different configurations there are, conditions taken into account, at most `u128::MAX`; `None` when
    /// there is no end to them. A parameter whose conditions never hold together does not count.
    pub fn cardinality(&self) -> Option<u128> {
        let sizes: Vec<Option<u128>> = self.parameters.iter().map(|p| p.domain.cardinality()).collect();
        let met = self.layout.iter().map(|layout| vec![None; layout.requires.len()]).collect();
        Count { space: self, sizes: &sizes, met }.product((0..self.parameters.len()).collect())
    }

    /// Every condition: its child, its parent, its place among the child's.
    fn requirements(&self) -> impl Iterator<Item = (usize, usize, usize)> + '_ {
        self.layout.iter().enumerate().flat_map(|(child, layout)| {
            layout.requires.iter().enumerate().map(move |(place, requires)| (child, requires.parent, place))
        })
    }
}

/// Counts by deciding parameters from the top down. What a decision leaves independent is counted apart and
/// multiplied, so the work grows with the depth of the conditions and not with their number.
struct Count<'a> {
    space: &'a Space,
    sizes: &'a [Option<u128>],
    /// Of each parameter's conditions: whether it holds, where that is decided.
    met: Vec<Vec<Option<bool>>>,
}

impl Count<'_> {
    /// Of these undecided parameters, in declared order.
    fn product(&mut self, undecided: Vec<usize>) -> Option<u128> {
        let mut components = self.components(undecided).into_iter();
        components
            .try_fold(1, |product: u128, component| Some(product.saturating_mul(self.count(&component)?)))
    }

    /// Groups of parameters between which no undecided condition runs.
    fn components(&self, undecided: Vec<usize>) -> Vec<Vec<usize>> {
        let mut components: Vec<Vec<usize>> = Vec::new();
        for at in undecided {
            let requires = &self.space.layout[at].requires;
            let is_tied = |component: &Vec<usize>| {
                let mut open = requires.iter().zip(&self.met[at]).filter(|(_, met)| met.is_none());
                open.any(|(requirement, _)| component.contains(&requirement.parent))
            };
            let (tied, apart): (Vec<_>, Vec<_>) = components.into_iter().partition(is_tied);
            let mut joined: Vec<usize> = tied.into_iter().flatten().collect();
            joined.push(at);
            joined.sort_unstable();
            components = apart;
            components.push(joined);
        }
        components
    }

    /// The first parameter of a component depends on nothing undecided: its parents would come before it.
    fn count(&mut self, component: &[usize]) -> Option<u128> {
        let Some((&first, rest)) = component.split_first() else { return Some(1) };
        let children: Vec<(usize, usize)> = (self.space.requirements())
            .filter(|(child, parent, _)| *parent == first && rest.contains(child))
            .map(|(child, _, place)| (child, place))
            .collect();
        let is_active = self.met[first].iter().all(|met| *met == Some(true));
        let mut total: u128 = 0;
        for (holds, ways) in self.outcomes(first, &children, is_active)? {
            for (&(child, place), holds) in children.iter().zip(&holds) {
                self.met[child][place] = Some(*holds);
            }
            total = total.saturating_add(ways.saturating_mul(self.product(rest.to_vec())?));
        }
        for &(child, place) in &children {
            self.met[child][place] = None;
        }
        Some(total)
    }

    /// What the values of a parameter make of the conditions on it: each different outcome with how many values
    /// have it. `None` when there is no end to them.
    fn outcomes(
        &self,
        parent: usize,
        children: &[(usize, usize)],
        is_active: bool,
    ) -> Option<Vec<(Vec<bool>, u128)>> {
        let none = vec![false; children.len()];
        if !is_active {
            return Some(vec![(none, 1)]);
        }
        let allowed = |(child, place): (usize, usize)| &self.space.layout[child].requires[place].allowed;
        let mut named: Vec<&Vec<u64>> = children.iter().flat_map(|child| allowed(*child)).collect();
        named.sort_unstable();
        named.dedup();
        let mut outcomes = vec![(none, self.sizes[parent]? - named.len() as u128)];
        for levels in named {
            let holds: Vec<bool> = children.iter().map(|child| allowed(*child).contains(levels)).collect();
            match outcomes.iter_mut().find(|(known, _)| *known == holds) {
                Some((_, ways)) => *ways += 1,
                None => outcomes.push((holds, 1)),
            }
        }
        outcomes.retain(|(_, ways)| *ways > 0);
        Some(outcomes)
    }
}
