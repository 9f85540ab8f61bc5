//! What the store remembers of a plane besides its objects. Knows no TLS and no HTTP.

use ipnet::IpNet;
use rusqlite::{Connection, Row, params};

use crate::error::Error;
use crate::rules::SERVICE_NETWORK;

/// One row of `planes`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlaneRecord {
    pub id: String,
    pub port: u16,
    /// False while the port is only reserved.
    pub booted: bool,
    /// True if its listener is to be opened with the sandbox.
    pub serving: bool,
    pub ca_cert_pem: String,
    pub ca_key_pem: String,
    /// Key material for ServiceAccount tokens.
    pub service_account_key: String,
    /// Key material for the admin's and the internal clients' tokens.
    pub token_key: String,
    /// `gitVersion`.
    pub version: String,
    /// Network of Services, CIDR; empty: the default.
    pub service_cidr: String,
}

impl PlaneRecord {
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<PlaneRecord> {
        Ok(PlaneRecord {
            id: row.get("id")?,
            port: row.get("port")?,
            booted: row.get("booted")?,
            serving: row.get("serving")?,
            ca_cert_pem: row.get("ca_cert_pem")?,
            ca_key_pem: row.get("ca_key_pem")?,
            service_account_key: row.get("service_account_key")?,
            token_key: row.get("token_key")?,
            version: row.get("version")?,
            service_cidr: row.get("service_cidr")?,
        })
    }

    /// Where the addresses of Services come from.
    pub fn service_network(&self) -> Result<IpNet, Error> {
        match self.service_cidr.as_str() {
            "" => Ok(SERVICE_NETWORK),
            text => text.parse().map_err(|_| Error::ServiceNetwork(text.to_owned())),
        }
    }

    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        connection.execute(
            "INSERT INTO planes (id, port, booted, serving, ca_cert_pem, ca_key_pem, service_account_key, token_key, version,
             service_cidr, resource_version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0)
             ON CONFLICT (id) DO UPDATE SET port = ?2, booted = ?3, serving = ?4, ca_cert_pem = ?5, ca_key_pem = ?6,
             service_account_key = ?7, token_key = ?8, version = ?9, service_cidr = ?10",
            params![
                self.id,
                self.port,
                self.booted,
                self.serving,
                self.ca_cert_pem,
                self.ca_key_pem,
                self.service_account_key,
                self.token_key,
                self.version,
                self.service_cidr
            ],
        )?;
        Ok(())
    }
}
