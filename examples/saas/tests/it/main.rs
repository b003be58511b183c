//! The program as its users meet it: a process, sockets and standard output.

mod program;

mod aborts;
mod blog;
mod commands;
mod demo;
mod isolation;
mod pages;
