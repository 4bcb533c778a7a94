//! `HostSecrets`: tokens or passwords of the lab's hosts, which their daemons have in their environments.

use std::path::{Path, PathBuf};
use std::process::Command;

use support::command::binary;
use support::docker_lab::{STORE, run, shown};
use support::policy_text::PolicyText;

use crate::audit_log::refused_to_hosts;

/// The hosts' addresses, by which their secrets are called.
pub(crate) const HOSTS: [&str; 2] = ["10.99.0.1", "10.99.0.2"];

/// What the hosts may do, each by the address that its secret is called by.
fn policy() -> PolicyText {
    let fields = ["token", "user"].into_iter();
    let head = fields.fold(PolicyText::default(), |head, field| {
        head.identity("credentials", field, "{ip}", "node/{ip}")
    });
    head.role("hosts", "node/{ip}", "docker-node")
}

/// Gives each host a new token for the next start of its daemon, and revokes those that no daemon has any more; then waits
/// until the gateway takes the new ones, where there is one.
const ROTATE: &str = r#"
set -euo pipefail
kubekv=$1 store=$2 wait=$3
cd "$4"
new=()
for host in 10.99.0.1 10.99.0.2; do
    made=$("$kubekv" token create --file credentials.toml --name "$host")
    secret=$(sed -n 's/^secret //p' <<<"$made")
    sed -n 's/^accessor //p' <<<"$made" >"token-$secret"
    echo "CONSUL_HTTP_TOKEN=$secret" >"$host.next"
    mv "$host.next" "$host.env"
    new+=("$secret")
done
in_use=$({ cat /proc/[0-9]*/environ 2>/dev/null || true; } | tr '\0' '\n' | sed -n 's/^CONSUL_HTTP_TOKEN=//p' | sort -u)
for file in token-*; do
    case "${new[*]} $in_use" in
        *"${file#token-}"*) ;;
        *) "$kubekv" token revoke --file credentials.toml "$(cat "$file")" && rm "$file" ;;
    esac
done
[ "$wait" = wait ] || exit 0
for secret in "${new[@]}"; do
    for try in $(seq 100); do
        status=$(nsenter --net=/run/netns/kubekv-store curl -s -o "$4/said" -w '%{http_code}' \
            -H "X-Consul-Token: $secret" "http://$store:8500/v1/kv/docker/nodes?keys" || true)
        case $status in 200 | 404) continue 2 ;; esac
        sleep 0.1
    done
    echo "the gateway does not take the new token: $status" >&2
    exit 1
done
"#;

/// The directory of a file of credentials, and of what of it the hosts have.
#[derive(Clone, Debug)]
pub(crate) struct HostSecrets(PathBuf);

impl HostSecrets {
    fn make(directory: &Path) -> Self {
        let made = Self(directory.join("secrets"));
        std::fs::create_dir(&made.0).unwrap();
        std::fs::write(made.0.join("policy.toml"), policy().to_string()).unwrap();
        std::fs::write(made.0.join("rotate"), ROTATE).unwrap();
        made
    }

    /// A token for each host.
    pub(crate) fn tokens(directory: &Path) -> Self {
        let made = Self::make(directory);
        run(Command::new("bash").args(["-ec", &made.rotation("at-once")]));
        made
    }

    /// A password for each host.
    pub(crate) fn passwords(directory: &Path) -> Self {
        let made = Self::make(directory);
        for host in HOSTS {
            let password = format!(
                "{} token password --file {}",
                binary(),
                made.path("credentials.toml")
            );
            let give = format!("echo 'correct horse, {host}' | {password} --name {host}");
            run(Command::new("bash").args(["-ec", &give]));
            let variable = format!("CONSUL_HTTP_AUTH={host}:correct horse, {host}\n");
            std::fs::write(made.0.join(format!("{host}.env")), variable).unwrap();
        }
        made
    }

    fn path(&self, name: &str) -> String {
        shown(&self.0.join(name))
    }

    /// Options of a gateway that lets each host do what its daemon needs, and nobody else anything.
    pub(crate) fn of_gateway(&self) -> Vec<String> {
        vec![
            format!("--policy={}", self.path("policy.toml")),
            format!("--credentials={}", self.path("credentials.toml")),
            format!("--audit={}", self.path("audit.log")),
            "--allow-plaintext".to_owned(),
        ]
    }

    /// The flag of the daemons, each with the secret of its host.
    pub(crate) fn of_hosts(&self) -> String {
        format!("--env-file={}", self.path("{address}.env"))
    }

    pub(crate) fn refused(&self) -> Vec<String> {
        refused_to_hosts(&self.0.join("audit.log"))
    }

    /// A command that gives each host a new token, takes back those that no daemon has, and waits for the gateway.
    pub(crate) fn rotate(&self) -> String {
        self.rotation("wait")
    }

    fn rotation(&self, wait: &str) -> String {
        format!(
            "bash {} {} {STORE} {wait} {}",
            self.path("rotate"),
            binary(),
            shown(&self.0)
        )
    }

    /// Takes back all tokens of a host.
    pub(crate) fn revoke(&self, host: &str) {
        let file = self.path("credentials.toml");
        let kubekv = binary();
        let revoke = format!(
            "{kubekv} token list --file {file} | grep -w {host} | grep -oE '[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}' | \
             while read -r accessor; do {kubekv} token revoke --file {file} $accessor; done"
        );
        run(Command::new("bash").args(["-euo", "pipefail", "-c", &revoke]));
    }
}
