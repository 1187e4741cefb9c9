//! The black box: the real binary over real sockets, with a fake provider and a fake receiver at the edges of the world.

mod alerts;
mod hostile;
mod passing;
mod process;
mod provider;
mod rig;
mod secrecy;
mod streams;
