/// A ClientHello with this server name and nothing else that matters.
pub fn client_hello(name: &str) -> Vec<u8> {
    let entry = [&[0][..], &vector16(name.as_bytes())].concat();
    let extension = [&[0, 0][..], &vector16(&vector16(&entry))].concat();
    let mut body = vec![3, 3];
    body.extend([7; 32]);
    body.push(0);
    body.extend(vector16(&[0x13, 1]));
    body.extend([1, 0]);
    body.extend(vector16(&extension));
    let length = (body.len() as u32).to_be_bytes();
    let message = [&[1, length[1], length[2], length[3]][..], &body].concat();
    [&[22, 3, 1][..], &vector16(&message)].concat()
}

fn vector16(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes(), bytes].concat()
}
