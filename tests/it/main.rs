mod codec;
mod docs;
