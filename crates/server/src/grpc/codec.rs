//! Messages from bytes and back.

use std::marker::PhantomData;

use api::{Code, Problem};
use bytes::Buf;
use prost::Message;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::grpc::bounds::{self, Unfit};
use crate::grpc::messages::{Empty, ModelInferRequest, ModelRequest};
use crate::grpc::status::status;
use crate::infer::BODY_LIMIT;

/// A message that clients send.
pub(super) trait Asking: Message + Default + 'static {
    /// Most bytes of it, packed and unpacked.
    const LIMIT: usize = 64 * 1024;

    /// Whether reading it is safe.
    fn check(_message: &[u8]) -> Result<(), Unfit> {
        Ok(())
    }
}

impl Asking for Empty {}

impl Asking for ModelRequest {}

impl Asking for ModelInferRequest {
    const LIMIT: usize = BODY_LIMIT;

    fn check(message: &[u8]) -> Result<(), Unfit> {
        bounds::check(message)
    }
}

/// Reads `M` and writes `R`.
#[derive(Debug)]
pub(super) struct Protobuf<M, R>(PhantomData<(M, R)>);

impl<M, R> Default for Protobuf<M, R> {
    fn default() -> Self {
        Protobuf(PhantomData)
    }
}

impl<M: Asking, R: Message + 'static> Codec for Protobuf<M, R> {
    type Encode = R;
    type Decode = M;
    type Encoder = Protobuf<M, R>;
    type Decoder = Protobuf<M, R>;

    fn encoder(&mut self) -> Self::Encoder {
        Protobuf::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        Protobuf::default()
    }
}

impl<M: Asking, R: Message> Decoder for Protobuf<M, R> {
    type Item = M;
    type Error = Status;

    fn decode(&mut self, bytes: &mut DecodeBuf<'_>) -> Result<Option<M>, Status> {
        let message = bytes.copy_to_bytes(bytes.remaining());
        M::check(&message).map_err(unfit)?;
        M::decode(message).map(Some).map_err(|_| unfit(Unfit::Malformed))
    }
}

impl<M: Asking, R: Message> Encoder for Protobuf<M, R> {
    type Item = R;
    type Error = Status;

    fn encode(&mut self, message: R, bytes: &mut EncodeBuf<'_>) -> Result<(), Status> {
        message.encode(bytes).expect("the buffer grows");
        Ok(())
    }
}

fn unfit(unfit: Unfit) -> Status {
    status(&match unfit {
        Unfit::Malformed => Problem::new(Code::InvalidRequest, "the message is not the one of this method"),
        Unfit::Many { what, limit } => {
            Problem::new(Code::InvalidRequest, format!("the message has more than {limit} {what}"))
                .hint("large tensors go into raw_input_contents, whose length is not limited but by the body's")
        }
    })
}
