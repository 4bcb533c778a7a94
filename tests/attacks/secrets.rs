//! `ClientSecret`: the token or the password of a client, and what a gateway knows it by.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubekv::guard::credentials::{CredentialText, NewToken, PasswordHash};

use crate::credentials::Shown;
use crate::hands::StoreProtocol;

/// What a server knows a client by that shows no certificate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientSecret {
    pub(crate) name: &'static str,
    /// A token is random; the same text serves as a password.
    pub(crate) secret: &'static str,
}

/// The secrets that were given to somebody.
pub(crate) const GIVEN: [ClientSecret; 4] = [
    ClientSecret {
        name: "node-10.99.0.1",
        secret: "11111111-0000-4000-8000-00000000000a",
    },
    ClientSecret {
        name: "node-10.99.0.2",
        secret: "11111111-0000-4000-8000-00000000000b",
    },
    ClientSecret {
        name: "node-10.99.0.3",
        secret: "11111111-0000-4000-8000-00000000000c",
    },
    ClientSecret {
        name: "ops",
        secret: "11111111-0000-4000-8000-000000000001",
    },
];

/// One that nobody gave.
const GUESSED: ClientSecret = ClientSecret {
    name: "node-10.99.0.1",
    secret: "22222222-0000-4000-8000-00000000000a",
};

impl ClientSecret {
    /// What a client shows.
    pub(crate) fn of(shown: Shown) -> Option<Self> {
        let [attacker, victim, _, operator] = GIVEN;
        match shown {
            Shown::Nothing => None,
            Shown::Forged => Some(GUESSED),
            Shown::Stolen | Shown::Secret | Shown::SecretElsewhere => Some(attacker),
            Shown::Victim => Some(victim),
            Shown::Operator => Some(operator),
        }
    }

    /// The address of the host that has it; the operator has none.
    pub(crate) fn host(self) -> Option<&'static str> {
        self.name.strip_prefix("node-")
    }

    /// The header lines that show it: Consul's token, or the password of etcd's user.
    pub(crate) fn headers(self, protocol: StoreProtocol) -> Vec<(String, String)> {
        let (name, value) = match protocol {
            StoreProtocol::Consul => ("X-Consul-Token", self.secret.to_owned()),
            StoreProtocol::Etcd => {
                let pair = STANDARD.encode(format!("{}:{}", self.name, self.secret));
                ("Authorization", format!("Basic {pair}"))
            }
            // It knows none.
            StoreProtocol::ZooKeeper => return Vec::new(),
        };
        vec![(name.to_owned(), value)]
    }
}

/// A file of the tokens and the users of these secrets.
pub(crate) fn credentials_file(secrets: &[ClientSecret]) -> String {
    let mut text = CredentialText::parse(String::new()).unwrap();
    for given in secrets {
        let token = NewToken {
            accessor: &given.secret.replace("-0000-", "-aaaa-"),
            name: given.name,
            secret: given.secret,
            expires: None,
            description: None,
        };
        let hash = PasswordHash::make(given.secret.as_bytes()).unwrap();
        text = text.with_token(&token).unwrap();
        text = text.with_password(given.name, &hash).unwrap();
    }
    text.as_str().to_owned()
}
