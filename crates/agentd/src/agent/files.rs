//! The loop's dealings with the file service.

use msb_protocol::MessageType;
use msb_protocol::payload::{FsOp, FsResponse};

use super::Agent;
use crate::fs::{FsEvent, FsService};

impl Agent {
    pub(super) fn start_operation(&mut self, id: u32, op: FsOp, size: usize) {
        match self.file_service() {
            Ok(files) => files.request(id, op, size),
            Err(error) => self.respond(id, &failure(error)),
        }
    }

    pub(super) fn take_file_data(&mut self, id: u32, data: Vec<u8>) {
        self.activity.fs_bytes += data.len() as u64;
        match self.file_service() {
            Ok(files) => files.data(id, data),
            Err(error) => self.respond(id, &failure(error)),
        }
    }

    /// Sends one event, if there is one and room for it.
    pub(super) fn serve_files(&mut self) {
        if !self.files_ready || !self.outbox.has_room() {
            return;
        }
        match self.files.as_ref().and_then(FsService::next_event) {
            None => self.files_ready = false,
            Some((id, FsEvent::Response(response))) => self.respond(id, &response),
            Some((id, FsEvent::Data(data))) => {
                self.activity.said();
                self.activity.fs_bytes += data.len() as u64;
                self.outbox.send_data(id, MessageType::FsData, &data);
            }
        }
    }

    fn respond(&mut self, id: u32, response: &FsResponse) {
        self.activity.said();
        self.outbox.send(id, response);
    }

    /// The service, started when it is needed first: most guests never do.
    fn file_service(&mut self) -> Result<&FsService, String> {
        if self.files.is_none() {
            let service = FsService::start(self.waker.clone());
            self.files = Some(service.map_err(|error| format!("start file service: {error}"))?);
        }
        self.files
            .as_ref()
            .ok_or_else(|| "file service is missing".to_owned())
    }
}

fn failure(error: String) -> FsResponse {
    FsResponse {
        ok: false,
        error: Some(error),
        data: None,
        path_bytes: None,
    }
}
