//! Four-letter words: the first bytes of a connection that asks for figures instead of a session.

mod allow_list;
mod answer;
mod connections;
mod environment;
mod monitor;
mod release;
mod server_figures;
mod word;

pub use allow_list::{AllowList, UnknownWord};
pub(crate) use answer::answer;
pub(crate) use connections::{ConnectionFigures, SessionFigures};
pub(crate) use release::Release;
pub(crate) use server_figures::{ServerFigures, WatchFigures};
pub(crate) use word::FourLetterWord;
