mod codec;
mod docs;
mod driver;
mod groups;
