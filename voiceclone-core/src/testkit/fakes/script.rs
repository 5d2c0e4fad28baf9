//! When a planned fault happens. Knows no seam.

/// Which calls a planned fault hits.
#[derive(Debug, Clone)]
pub struct When {
    call: Option<usize>,
    text: Option<String>,
    times: usize,
}

impl When {
    /// Every call.
    pub const fn always() -> Self {
        Self { call: None, text: None, times: usize::MAX }
    }

    /// The `n`th call, counted from 1 and from the beginning.
    pub const fn call(n: usize) -> Self {
        Self { call: Some(n), text: None, times: usize::MAX }
    }

    /// Calls whose text holds this. A call without a text has an empty one.
    pub fn text(part: impl Into<String>) -> Self {
        Self { text: Some(part.into()), ..Self::always() }
    }

    /// Only the first `n` of them.
    #[must_use]
    pub const fn times(mut self, n: usize) -> Self {
        self.times = n;
        self
    }

    fn hits(&self, call: usize, text: &str) -> bool {
        self.times > 0
            && self.call.is_none_or(|n| n == call)
            && self.text.as_ref().is_none_or(|part| text.contains(part.as_str()))
    }
}

/// Planned faults and the calls so far. The first plan that hits is the one that happens.
#[derive(Debug)]
pub(super) struct Script<F> {
    plans: Vec<(When, F)>,
    calls: usize,
}

impl<F> Default for Script<F> {
    fn default() -> Self {
        Self { plans: Vec::new(), calls: 0 }
    }
}

impl<F: Clone> Script<F> {
    pub(super) fn plan(&mut self, when: When, fault: F) {
        self.plans.push((when, fault));
    }

    pub(super) fn calls(&self) -> usize {
        self.calls
    }

    /// Counts a call and says what is to go wrong in it.
    pub(super) fn call(&mut self, text: &str) -> Option<F> {
        self.calls += 1;
        let call = self.calls;
        let (when, fault) = self.plans.iter_mut().find(|(when, _)| when.hits(call, text))?;
        when.times -= 1;
        Some(fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_hits_the_calls_it_names_and_no_others() {
        let mut script = Script::default();
        script.plan(When::call(2), 'a');
        script.plan(When::text("fox").times(2), 'b');
        let hits: Vec<_> = ["a fox", "a fox", "fox", "fox", "dog"].map(|text| script.call(text)).into();
        assert_eq!(hits, [Some('b'), Some('a'), Some('b'), None, None]);
        assert_eq!(script.calls(), 5);
    }
}
