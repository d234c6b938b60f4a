//! The headers in front of every request and every response.
//!
//! ```text
//! request v1:   api_key i16 | api_version i16 | correlation_id i32 | client_id nullable string
//! request v2:   the same, then tagged fields
//! response v0:  correlation_id i32
//! response v1:  the same, then tagged fields
//! ```
//!
//! A flexible version of an API has the later header of the two. Two exceptions stand here and nowhere else: the client id
//! keeps its two-byte length in both, since a server must be able to read it before it knows the version; and the response
//! to ApiVersions always has header v0, since the client reads it before it knows the server's versions (KIP-511).

use super::reader::{ReadError, Reader};
use super::writer::Writer;

/// The first three fields of a request, which are the same in every version and say how to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestStart {
    pub api_key: i16,
    pub api_version: i16,
    pub correlation_id: i32,
}

impl RequestStart {
    pub fn read(reader: &mut Reader) -> Result<Self, ReadError> {
        Ok(Self { api_key: reader.i16()?, api_version: reader.i16()?, correlation_id: reader.i32()? })
    }
}

/// Reads the rest of a request's header, the client id, and leaves the reader in front of the body.
pub fn read_request_rest(reader: &mut Reader, version: i16, flexible: bool) -> Result<Option<String>, ReadError> {
    reader.becomes(version, false);
    let client_id = reader.string()?;
    reader.becomes(version, flexible);
    if flexible {
        reader.tagged_fields(|_, _| Ok(false))?;
    }
    Ok(client_id)
}

/// Writes a whole request header; a broker has no use for it but in tests and in documentation.
pub fn write_request(writer: &mut Writer, start: RequestStart, client_id: Option<&str>) {
    let flexible = writer.flexible();
    writer.becomes(start.api_version, false);
    writer.i16(start.api_key);
    writer.i16(start.api_version);
    writer.i32(start.correlation_id);
    writer.string(client_id);
    writer.becomes(start.api_version, flexible);
    if flexible {
        writer.tagged_fields(Vec::new());
    }
}

/// Writes a response's header. `header_flexible` is the body's flexibility, but for ApiVersions, where it is false.
pub fn write_response(writer: &mut Writer, correlation_id: i32, header_flexible: bool) {
    writer.i32(correlation_id);
    if header_flexible {
        writer.tagged_fields(Vec::new());
    }
}

/// Reads a response's header, as a client does.
pub fn read_response(reader: &mut Reader, header_flexible: bool) -> Result<i32, ReadError> {
    let correlation_id = reader.i32()?;
    if header_flexible {
        reader.tagged_fields(|_, _| Ok(false))?;
    }
    Ok(correlation_id)
}
