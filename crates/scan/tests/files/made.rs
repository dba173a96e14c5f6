//! Small files of every format, good and bad, made by hand: no library that writes them writes the bad ones.

/// A zip of entries that are stored as they are.
pub(crate) fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let entries: Vec<_> = entries.iter().map(|(name, bytes)| Entry::stored(name, bytes)).collect();
    zip_of(&entries)
}

/// An entry, whose two descriptions may differ.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) name_at_place: String,
    pub(crate) method: u16,
    pub(crate) flags: u16,
    pub(crate) bytes: Vec<u8>,
    pub(crate) unpacked: u32,
    /// Where the list has it, if not where it is.
    pub(crate) offset: Option<u32>,
}

impl Entry {
    pub(crate) fn stored(name: &str, bytes: &[u8]) -> Entry {
        let (name, unpacked) = (name.to_owned(), bytes.len() as u32);
        Entry { name_at_place: name.clone(), name, method: 0, flags: 0, bytes: bytes.to_vec(), unpacked, offset: None }
    }

    pub(crate) fn deflated(name: &str, bytes: &[u8]) -> Entry {
        let packed = deflate(bytes);
        Entry { method: 8, bytes: packed, unpacked: bytes.len() as u32, ..Entry::stored(name, bytes) }
    }
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

pub(crate) fn zip_of(entries: &[Entry]) -> Vec<u8> {
    let (mut zip, mut list) = (Vec::new(), Vec::new());
    for entry in entries {
        let offset = entry.offset.unwrap_or(zip.len() as u32);
        let sizes = [entry.bytes.len() as u32, entry.unpacked];
        let fields = |bytes: &mut Vec<u8>, name: &str| {
            bytes.extend([20, 0]);
            bytes.extend(entry.flags.to_le_bytes());
            bytes.extend(entry.method.to_le_bytes());
            bytes.extend([0; 8]);
            bytes.extend(sizes.iter().flat_map(|size| size.to_le_bytes()));
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend([0; 2]);
        };
        zip.extend(b"PK\x03\x04");
        fields(&mut zip, &entry.name_at_place);
        zip.extend(entry.name_at_place.as_bytes());
        zip.extend(&entry.bytes);
        list.extend(b"PK\x01\x02\x14\0");
        fields(&mut list, &entry.name);
        list.extend([0; 10]);
        list.extend(offset.to_le_bytes());
        list.extend(entry.name.as_bytes());
    }
    let (from, size) = (zip.len() as u32, list.len() as u32);
    zip.extend(list);
    zip.extend(b"PK\x05\x06\0\0\0\0");
    zip.extend([(entries.len() as u16).to_le_bytes(); 2].concat());
    zip.extend(size.to_le_bytes());
    zip.extend(from.to_le_bytes());
    zip.extend([0; 2]);
    zip
}

/// A tar of one entry each; the kind is tar's.
pub(crate) fn tar(entries: &[(&str, u8, &str, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, kind, link, bytes) in entries {
        let mut header = [0_u8; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        let size = format!("{:011o}", bytes.len());
        header[124..135].copy_from_slice(size.as_bytes());
        header[156] = *kind;
        header[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header[257..263].copy_from_slice(b"ustar\0");
        tar.extend(header);
        tar.extend(*bytes);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}

/// Protocol Buffers: a field of bytes.
pub(crate) fn bytes(number: u32, value: &[u8]) -> Vec<u8> {
    let mut field = varint(u64::from(number << 3 | 2));
    field.extend(varint(value.len() as u64));
    field.extend(value);
    field
}

/// Protocol Buffers: a field of a number.
pub(crate) fn number(number: u32, value: u64) -> Vec<u8> {
    [varint(u64::from(number << 3)), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A model of ONNX with this in its graph, and this beside it.
pub(crate) fn onnx(graph: &[Vec<u8>], beside: &[Vec<u8>]) -> Vec<u8> {
    let opset = bytes(8, &number(2, 17));
    [number(1, 8), opset, bytes(7, &graph.concat()), beside.concat()].concat()
}

/// A node of a graph.
pub(crate) fn node(domain: &str, operator: &str, more: &[Vec<u8>]) -> Vec<u8> {
    bytes(1, &[bytes(4, operator.as_bytes()), bytes(7, domain.as_bytes()), more.concat()].concat())
}

/// A tensor of 32-bit floats with these axes and so many bytes.
pub(crate) fn tensor(name: &str, axes: &[u64], size: usize) -> Vec<u8> {
    let axes: Vec<u8> = axes.iter().flat_map(|axis| number(1, *axis)).collect();
    [axes, number(2, 1), bytes(8, name.as_bytes()), bytes(9, &vec![0; size])].concat()
}

/// A tensor that lies in another file.
pub(crate) fn elsewhere(name: &str, location: &str) -> Vec<u8> {
    let pair = [bytes(1, b"location"), bytes(2, location.as_bytes())].concat();
    [number(1, 4), number(2, 1), bytes(8, name.as_bytes()), bytes(13, &pair), number(14, 1)].concat()
}

pub(crate) fn safetensors(header: &str, data: usize) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.resize(file.len() + data, 0);
    file
}

/// GGUF with values of texts and tensors of 32-bit floats.
pub(crate) fn gguf(values: &[(&str, &str)], tensors: &[(&str, &[u64])]) -> Vec<u8> {
    let mut file = b"GGUF\x03\0\0\0".to_vec();
    file.extend((tensors.len() as u64).to_le_bytes());
    file.extend((values.len() as u64).to_le_bytes());
    let text = |file: &mut Vec<u8>, text: &str| {
        file.extend((text.len() as u64).to_le_bytes());
        file.extend(text.as_bytes());
    };
    for (name, value) in values {
        text(&mut file, name);
        file.extend(8_u32.to_le_bytes());
        text(&mut file, value);
    }
    for (name, axes) in tensors {
        text(&mut file, name);
        file.extend((axes.len() as u32).to_le_bytes());
        file.extend(axes.iter().flat_map(|axis| axis.to_le_bytes()));
        file.extend([0; 12]);
    }
    file.resize(file.len() + 64, 0);
    file
}

pub(crate) fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({shape}), }}\n");
    let mut file = b"\x93NUMPY\x01\0".to_vec();
    file.extend((header.len() as u16).to_le_bytes());
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// What `torch.save` writes of one tensor, without the numbers.
pub(crate) const STATE: &[u8] = b"\x80\x02ccollections\nOrderedDict\nq\x00)Rq\x01X\x06\x00\x00\x00weightq\x02ctorch._utils\n\
_rebuild_tensor_v2\nq\x03((X\x07\x00\x00\x00storageq\x04ctorch\nFloatStorage\nq\x05X\x01\x00\x00\x000q\x06X\x03\x00\x00\x00cpuq\x07\
K\x04tq\x08QK\x00K\x02K\x02\x86q\tK\x02K\x01\x86q\n\x89h\x00)Rq\x0btq\x0cRq\rs.";

/// Reading it runs `os.system("id")`, in protocol 0 and in protocol 4.
pub(crate) const SYSTEM: &[u8] = b"cos\nsystem\n(S'id'\ntR.";
pub(crate) const SYSTEM_4: &[u8] = b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.";
