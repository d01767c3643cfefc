"""National language tables of 3GPP TS 23.038 annex A, for reading (SMS-29).

Languages are numbered as in 3GPP TS 23.038 6.2.1.2.4: 1 Turkish, 2 Spanish, 3 Portuguese, 4 Bengali,
5 Gujarati, 6 Hindi, 7 Kannada, 8 Malayalam, 9 Oriya, 10 Punjabi, 11 Tamil, 12 Telugu, 13 Urdu.
"""

from __future__ import annotations

from collections.abc import Mapping

#: Stands where a table has no character.
HOLE = "\N{REPLACEMENT CHARACTER}"

#: The default alphabet (3GPP TS 23.038 6.2.1), septets 00 to 7F in order (SMS-27).
DEFAULT = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)

#: Its extension: the septet after ESC (3GPP TS 23.038 6.2.1.1).
EXTENSION: Mapping[int, str] = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\",
    0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}

_TURKISH = (  # A.3.1
    "@£$¥€éùıòÇ\nĞğ\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bŞşßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "İABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "çabcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
_PORTUGUESE = (  # A.3.3
    "@£$¥êéúíóç\nÔô\rÁá"
    "Δ_ªÇÀ∞^\\€Ó|\x1bÂâÊÉ"
    " !\"#º%&'()*+,-./"
    "0123456789:;<=>?"
    "ÍABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÃÕÚÜ§"
    "~abcdefghijklmno"
    "pqrstuvwxyzãõ`üà"
)
_URDU = (  # A.3.13
    "\u0627\u0622\u0628\u067b\u0680\u067e\u06a6\u062a\u06c2\u067f\n\u0679\u067d\r\u067a\u067c"
    "\u062b\u062c\u0681\u0684\u0683\u0685\u0686\u0687\u062d\u062e\u062f\x1b\u068c\u0688\u0689\u068a"
    " !\u068f\u068d\u0630\u0631\u0691\u0693)(\u0699\u0632,\u0696.\u0698"
    "0123456789:;\u069a\u0633\u0634?"
    "\u0635\u0636\u0637\u0638\u0639\u0641\u0642\u06a9\u06aa\u06ab\u06af\u06b3\u06b1\u0644\u0645\u0646"
    "\u06ba\u06bb\u06bc\u0648\u06c4\u06d5\u06c1\u06be\u0621\u06cc\u06d0\u06d2\u064d\u0650\u064f\u0657"
    "\u0654abcdefghijklmno"
    "pqrstuvwxyz\u0655\u0651\u0653\u0656\u0670"
)

# A.3.6.  The tables of the scripts of India follow one layout, as their blocks in Unicode do, both
# after ISCII: a character stands at the septet where Hindi has the one of equal place in its block.
_HINDI = (
    "\u0901\u0902\u0903\u0905\u0906\u0907\u0908\u0909\u090a\u090b\n\u090c\u090d\r\u090e\u090f"
    "\u0910\u0911\u0912\u0913\u0914\u0915\u0916\u0917\u0918\u0919\u091a\x1b\u091b\u091c\u091d\u091e"
    " !\u091f\u0920\u0921\u0922\u0923\u0924)(\u0925\u0926,\u0927.\u0928"
    "0123456789:;\u0929\u092a\u092b?"
    "\u092c\u092d\u092e\u092f\u0930\u0931\u0932\u0933\u0934\u0935\u0936\u0937\u0938\u0939\u093c\u093d"
    "\u093e\u093f\u0940\u0941\u0942\u0943\u0944\u0945\u0946\u0947\u0948\u0949\u094a\u094b\u094c\u094d"
    "\u0950abcdefghijklmno"
    "pqrstuvwxyz\u0972\u097b\u097c\u097e\u097f"
)
_DEVANAGARI = 0x0900

#: Septets at which each script has a sign of its own.
_OWN = (0x60, *range(0x7B, 0x80))


def _like_hindi(block: int, holes: str, own: str) -> str:
    """The locking shift table of another script of India.

    :param block: where the script begins in Unicode.
    :param holes: septets without a character, in hexadecimal.
    :param own: the characters at the septets of ``_OWN``.
    """
    table = [chr(ord(character) - _DEVANAGARI + block) if character >= "\u0900" else character
             for character in _HINDI]
    for septet in bytes.fromhex(holes):
        table[septet] = HOLE
    for septet, character in zip(_OWN, own, strict=True):
        table[septet] = character
    return "".join(table)


#: What septets mean after the locking shift to a language.
LOCKING: Mapping[int, str] = {
    1: _TURKISH,
    3: _PORTUGUESE,
    4: _like_hindi(0x0980, "0c0e 1112 3c 45474849 57585b5c", "\u09ce\u09d7\u09dc\u09dd\u09f0\u09f1"),
    5: _like_hindi(0x0A80, "0e 12 3c 4548 585c", "\u0ad0\u0ae0\u0ae1\u0ae2\u0ae3\u0af1"),
    6: _HINDI,
    7: _like_hindi(0x0C80, "000c 11 3c 48 575b", "\u0cd5\u0cd6\u0ce0\u0ce1\u0ce2\u0ce3"),
    8: _like_hindi(0x0D00, "000c 11 3c 4e 575b", "\u0d57\u0d60\u0d61\u0d62\u0d63\u0d79"),
    9: _like_hindi(0x0B00, "0c0e 1112 3c 4548 57585b5c", "\u0b56\u0b57\u0b60\u0b61\u0b62\u0b63"),
    10: _like_hindi(0x0A00, "090b0c0e 1112 3c 45484b4f 555657585b5c", "\u0a51\u0a70\u0a71\u0a72\u0a73\u0a74"),
    11: _like_hindi(0x0B80, "00090b0c 11161718 1c1e 232425 2a2b2d 3e 40414e4f 5556575b",
                    "\u0bd0\u0bd7\u0bf0\u0bf1\u0bf2\u0bf9"),
    12: _like_hindi(0x0C00, "0c 11 3c 484e 575b", "\u0c55\u0c56\u0c60\u0c61\u0c62\u0c63"),
    13: _URDU,
}

# What the single shift tables A.2.4 to A.2.13 have in common, and the septets at which they differ.
_COMMON: Mapping[int, str] = {
    **dict(enumerate("@£$¥¿\"¤%&'\f*+")), 0x0E: "-", 0x0F: "/",
    **dict(enumerate("<=>¡^¡_#*", 0x10)),
    0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|",
    **dict(enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ", 0x41)), 0x65: "€",
}
_DIFFERENT = (0x19, 0x1A, *range(0x1C, 0x28), *range(0x2A, 0x2F), *range(0x30, 0x3C), 0x3F)


def _with_common(signs: str) -> Mapping[int, str]:
    """A single shift table of a script of India; ``signs`` in the order of ``_DIFFERENT``."""
    return {**_COMMON, **{septet: sign for septet, sign in zip(_DIFFERENT, signs, strict=False) if sign != HOLE}}


#: What the septet after ESC means after the single shift to a language.
SINGLE: Mapping[int, Mapping[int, str]] = {
    1: {**EXTENSION, 0x47: "Ğ", 0x49: "İ", 0x53: "Ş", 0x63: "ç", 0x67: "ğ", 0x69: "ı", 0x73: "ş"},
    2: {**EXTENSION, 0x09: "ç", 0x41: "Á", 0x49: "Í", 0x4F: "Ó", 0x55: "Ú",
        0x61: "á", 0x69: "í", 0x6F: "ó", 0x75: "ú"},
    3: {**EXTENSION, 0x05: "ê", 0x09: "ç", 0x0B: "Ô", 0x0C: "ô", 0x0E: "Á", 0x0F: "á", 0x12: "Φ", 0x13: "Γ",
        0x15: "Ω", 0x16: "Π", 0x17: "Ψ", 0x18: "Σ", 0x19: "Θ", 0x1F: "Ê", 0x41: "À", 0x49: "Í", 0x4F: "Ó",
        0x55: "Ú", 0x5B: "Ã", 0x5C: "Õ", 0x61: "Â", 0x69: "í", 0x6F: "ó", 0x75: "ú", 0x7B: "ã", 0x7C: "õ",
        0x7F: "â"},
    4: _with_common("\u09e6\u09e7\u09e8\u09e9\u09ea\u09eb\u09ec\u09ed\u09ee\u09ef\u09df\u09e0\u09e1\u09e2"
                    "\u09e3\u09f2\u09f3\u09f4\u09f5\u09f6\u09f7\u09f8\u09f9\u09fa"),
    5: _with_common("\u0964\u0965\u0ae6\u0ae7\u0ae8\u0ae9\u0aea\u0aeb\u0aec\u0aed\u0aee\u0aef"),
    6: _with_common("\u0964\u0965\u0966\u0967\u0968\u0969\u096a\u096b\u096c\u096d\u096e\u096f\u0951\u0952"
                    "\u0953\u0954\u0958\u0959\u095a\u095b\u095c\u095d\u095e\u095f\u0960\u0961\u0962\u0963"
                    "\u0970\u0971"),
    7: _with_common("\u0964\u0965\u0ce6\u0ce7\u0ce8\u0ce9\u0cea\u0ceb\u0cec\u0ced\u0cee\u0cef\u0cde\u0cf1\u0cf2"),
    8: _with_common("\u0964\u0965\u0d66\u0d67\u0d68\u0d69\u0d6a\u0d6b\u0d6c\u0d6d\u0d6e\u0d6f\u0d70\u0d71"
                    "\u0d72\u0d73\u0d74\u0d75\u0d7a\u0d7b\u0d7c\u0d7d\u0d7e\u0d7f"),
    9: _with_common("\u0964\u0965\u0b66\u0b67\u0b68\u0b69\u0b6a\u0b6b\u0b6c\u0b6d\u0b6e\u0b6f\u0b5c\u0b5d"
                    "\u0b5f\u0b70\u0b71"),
    10: _with_common("\u0964\u0965\u0a66\u0a67\u0a68\u0a69\u0a6a\u0a6b\u0a6c\u0a6d\u0a6e\u0a6f\u0a59\u0a5a"
                     "\u0a5b\u0a5c\u0a5e\u0a75"),
    11: _with_common("\u0964\u0965\u0be6\u0be7\u0be8\u0be9\u0bea\u0beb\u0bec\u0bed\u0bee\u0bef\u0bf3\u0bf4"
                     "\u0bf5\u0bf6\u0bf7\u0bf8\u0bfa"),
    12: _with_common(f"{HOLE}{HOLE}\u0c66\u0c67\u0c68\u0c69\u0c6a\u0c6b\u0c6c\u0c6d\u0c6e\u0c6f\u0c58\u0c59"
                     "\u0c78\u0c79\u0c7a\u0c7b\u0c7c\u0c7d\u0c7e\u0c7f"),
    13: _with_common("\u0600\u0601\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8\u06f9\u060c\u060d"
                     "\u060e\u060f\u0610\u0611\u0612\u0613\u0614\u061b\u061f\u0640\u0652\u0658\u066b\u066c"
                     "\u0672\u0673\u06cd\u06d4"),
}
