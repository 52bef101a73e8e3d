//! What a package is used for, where a lock file says it only of those the project asks for itself.

use std::collections::VecDeque;

use super::sheet::Sheet;
use crate::Usage;

impl Sheet {
    /// Marks the packages the project asks for, and gives every package the strongest use of those that need it. What nobody needs
    /// stays as it was read. Where `complete`, packages that are not asked for are said to be indirect.
    pub(crate) fn spread(&mut self, asked: &[(usize, Usage)], complete: bool) {
        let count = self.out.packages.len();
        let mut needs: Vec<Vec<usize>> = vec![Vec::new(); count];
        for link in &self.out.links {
            if let Some(list) = needs.get_mut(link.from) {
                list.push(link.to);
            }
        }
        let mut used: Vec<Option<Usage>> = vec![None; count];
        for usage in [Usage::Runtime, Usage::Optional, Usage::Build, Usage::Development] {
            let mut queue: VecDeque<usize> = asked.iter().filter(|(_, of)| *of == usage).map(|(index, _)| *index).collect();
            while let Some(index) = queue.pop_front() {
                match used.get_mut(index) {
                    Some(slot @ None) => *slot = Some(usage),
                    _ => continue,
                }
                queue.extend(needs.get(index).into_iter().flatten().copied());
            }
        }
        for (package, used) in self.out.packages.iter_mut().zip(used) {
            if let Some(used) = used {
                package.usage = used;
            }
            if complete {
                package.direct = package.direct.or(Some(false));
            }
        }
        for (index, _) in asked {
            if let Some(package) = self.out.packages.get_mut(*index) {
                package.direct = Some(true);
            }
        }
    }
}
