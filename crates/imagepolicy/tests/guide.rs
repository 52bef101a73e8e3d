//! The examples of the guide are policies.

use probity_imagepolicy::cip::{ClusterImagePolicy, Options, claims};
use probity_imagepolicy::own::ImageRules;
use probity_value::{FileId, yaml};

#[test]
fn examples_are_read() {
    let guide = include_str!("../../../docs/guides/image-policies.md");
    let (mut ours, mut theirs) = (0, 0);
    for block in guide.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let (documents, problems) = yaml::parse(text, FileId(0));
        assert!(problems.is_empty(), "{problems:?}");
        for document in documents {
            if claims(&document.value) {
                ClusterImagePolicy::read(&document.value, &Options::default()).unwrap();
                theirs += 1;
            } else {
                ImageRules::read(&document.value).unwrap();
                ours += 1;
            }
        }
    }
    assert!(ours >= 1 && theirs >= 1);
}
