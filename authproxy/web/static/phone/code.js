// The passcode of now: TOTP (RFC 6238) with SHA-1, 30 seconds, six digits.

const STEP = 30_000;

export async function codeAt(key, milliseconds) {
  const counter = new DataView(new ArrayBuffer(8));
  counter.setBigUint64(0, BigInt(Math.floor(milliseconds / STEP)));
  const mac = new DataView(await crypto.subtle.sign("HMAC", key, counter.buffer));
  const at = mac.getUint8(19) & 15;
  return String((mac.getUint32(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

export const secondsLeft = (milliseconds) => Math.ceil((STEP - (milliseconds % STEP)) / 1000);
