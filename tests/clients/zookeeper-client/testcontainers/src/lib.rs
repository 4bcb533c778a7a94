//! The part of the crate of this name that zookeeper-client's tests use: each container is a server of its own,
//! `$ZOOKEEPER_SERVER` as `tests/servers/run-zookeeper` takes it, in the place of ZooKeeper's image.

pub mod clients {
    use crate::core::{Container, RunnableImage};

    /// Starts servers.
    #[derive(Debug, Default)]
    pub struct Cli;

    impl Cli {
        pub fn run<'a, I>(&'a self, image: RunnableImage<I>) -> Container<'a, I> {
            Container::start_of(image)
        }
    }
}

pub mod images {
    pub mod generic {
        use crate::core::{Healthcheck, WaitFor};

        /// An image whose settings are those of any server, but Java's options.
        #[derive(Debug, Default)]
        pub struct GenericImage {
            pub(crate) options: String,
        }

        impl GenericImage {
            pub fn new(_name: &str, _tag: &str) -> Self {
                Self::default()
            }

            pub fn with_env_var(mut self, name: &str, value: String) -> Self {
                if name == "SERVER_JVMFLAGS" {
                    self.options = value;
                }
                self
            }

            pub fn with_healthcheck(self, _check: Healthcheck) -> Self {
                self
            }

            pub fn with_wait_for(self, _until: WaitFor) -> Self {
                self
            }
        }
    }
}

pub mod core {
    use std::io::{Read, Write};
    use std::marker::PhantomData;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::process::{Child, Command, Stdio};
    use std::sync::Mutex;
    use std::time::Duration;

    use crate::images::generic::GenericImage;

    #[derive(Debug, Default)]
    pub struct Healthcheck;

    impl Healthcheck {
        pub fn with_cmd<T>(self, _command: impl Iterator<Item = T>) -> Self {
            self
        }

        pub fn with_interval(self, _interval: Duration) -> Self {
            self
        }

        pub fn with_retries(self, _retries: u32) -> Self {
            self
        }
    }

    #[derive(Debug)]
    pub enum WaitFor {
        Healthcheck,
    }

    /// Nothing: tests that read a log are left out.
    #[derive(Debug)]
    pub struct LogStream;

    impl LogStream {
        pub fn wait_for_message(self, message: &str) -> Result<(), String> {
            Err(format!("no log to find {message:?} in"))
        }
    }

    #[derive(Debug)]
    pub struct RunnableImage<I> {
        options: String,
        _image: PhantomData<I>,
    }

    impl From<GenericImage> for RunnableImage<GenericImage> {
        fn from(image: GenericImage) -> Self {
            Self {
                options: image.options,
                _image: PhantomData,
            }
        }
    }

    impl<I> RunnableImage<I> {
        pub fn with_volume<F, T>(self, _of_and_to: (F, T)) -> Self {
            self
        }

        pub fn with_network(self, _network: &str) -> Self {
            self
        }
    }

    /// A server.
    #[derive(Debug)]
    pub struct Container<'a, I> {
        address: SocketAddr,
        options: String,
        directory: tempfile::TempDir,
        process: Mutex<Option<Child>>,
        _image: PhantomData<&'a I>,
    }

    impl<I> Container<'_, I> {
        pub(crate) fn start_of(image: RunnableImage<I>) -> Self {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            let server = Self {
                address: free.local_addr().unwrap(),
                options: image.options,
                directory: tempfile::tempdir().unwrap(),
                process: Mutex::new(None),
                _image: PhantomData,
            };
            drop(free);
            server.start();
            server
        }

        /// Starts it, and waits until it serves.
        pub fn start(&self) {
            let variable =
                |name| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set"));
            let mut process = Command::new(variable("RUN_ZOOKEEPER"))
                .arg(variable("ZOOKEEPER_SERVER"))
                .arg(self.address.to_string())
                .arg(self.directory.path())
                .env("SERVER_JVMFLAGS", &self.options)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            while self
                .says()
                .is_none_or(|says| !says.starts_with("Zookeeper version"))
            {
                assert!(process.try_wait().unwrap().is_none(), "the server ended");
                std::thread::sleep(Duration::from_millis(20));
            }
            *self.process.lock().unwrap() = Some(process);
        }

        fn says(&self) -> Option<String> {
            let mut stream = TcpStream::connect(self.address).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
            stream.write_all(b"srvr").ok()?;
            let mut says = String::new();
            stream.read_to_string(&mut says).ok()?;
            Some(says)
        }

        pub fn stop(&self) {
            if let Some(mut process) = self.process.lock().unwrap().take() {
                let _gone = process.kill();
                let _reaped = process.wait();
            }
        }

        pub fn get_host_port(&self, _inside: u16) -> u16 {
            self.address.port()
        }

        pub fn stdout(&self) -> LogStream {
            LogStream
        }
    }

    impl<I> Drop for Container<'_, I> {
        fn drop(&mut self) {
            self.stop();
        }
    }
}
