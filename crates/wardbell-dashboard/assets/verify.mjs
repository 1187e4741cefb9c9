import { createHmac, timingSafeEqual } from "node:crypto";

// `body` is a Buffer as it came; parse it only after this.
export function isGenuine(secret, headers, body) {
  const sentAt = headers["webhook-timestamp"];
  if (Math.abs(Date.now() / 1000 - Number(sentAt)) > 300) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const mac = createHmac("sha256", key);
  const ours = Buffer.from(
    "v1," + mac.update(`${headers["webhook-id"]}.${sentAt}.`).update(body).digest("base64"));
  return headers["webhook-signature"].split(" ").some((text) => {
    const theirs = Buffer.from(text);
    return theirs.length === ours.length && timingSafeEqual(theirs, ours);
  });
}
