//! Mode warn: everything is answered as without a policy, and what would be refused is counted.

use kubekv::guard::PolicyMode;
use kubekv::model::Verb;

use super::gateway::{ADMIN, Gateway, ME, STRANGER, rule};

#[tokio::test]
async fn what_would_be_refused_is_answered_and_counted() {
    let rules = rule("own", "allow = [\"read\"]\nkey = [\"mine\"]");
    let gateway = Gateway::start_in(PolicyMode::Warn, &rules).await;
    gateway.set("mine", "1").await;
    gateway.set("other", "2").await;
    let asked = [
        (ME, "GET kv/mine?raw", "", "1", None),
        (ME, "GET kv/other?raw", "", "2", Some(Verb::Read)),
        (STRANGER, "GET kv/mine?raw", "", "1", Some(Verb::Read)),
        (
            "",
            "GET kv/?keys",
            "",
            r#"["mine","other"]"#,
            Some(Verb::List),
        ),
        (ME, "PUT kv/mine", "3", "true", Some(Verb::Write)),
        (ME, "PUT kv/new", "4", "true", Some(Verb::Create)),
        (ME, "DELETE kv/new", "", "true", Some(Verb::Delete)),
        (ADMIN, "DELETE kv/other", "", "true", None),
    ];
    for (who, what, body, answered, refused) in asked {
        let before = Verb::ALL.map(|verb| gateway.policy.refused(verb));
        let answer = gateway.consul(who, what, body).await;
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, answered),
            "{what}"
        );
        let after = Verb::ALL.map(|verb| gateway.policy.refused(verb));
        let counted = |verb: Verb| {
            let place = Verb::ALL.iter().position(|own| *own == verb).unwrap();
            after[place] - before[place]
        };
        match refused {
            None => assert_eq!(before, after, "{what}"),
            Some(verb) => assert!(counted(verb) > 0, "{what}"),
        }
    }
    let session = gateway.session(ME).await;
    assert!(gateway.policy.refused(Verb::Session) > 0);
    // It belongs to its principal all the same, for when the policy is enforced.
    let listed = gateway.consul("", "GET session/list", "").await;
    assert!(listed.body.contains(&session));
}
