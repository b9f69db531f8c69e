-- Recommended, never required: the ERP keeps our keys in columns that it does not index, so that looking for one reads the whole table.
-- An index changes nothing that the ERP does. A database administrator of the firm runs this file once in each company's database.
CREATE INDEX IF NOT EXISTS gl_reference_key ON gl (reference);
CREATE INDEX IF NOT EXISTS ar_ponumber_key ON ar (ponumber);
CREATE INDEX IF NOT EXISTS ar_quonumber_key ON ar (quonumber);
CREATE INDEX IF NOT EXISTS payment_notes_key ON payment (split_part(notes, ' ', 1));
CREATE INDEX IF NOT EXISTS payment_links_payment_key ON payment_links (payment_id);
CREATE INDEX IF NOT EXISTS payment_links_entry_key ON payment_links (entry_id);
CREATE INDEX IF NOT EXISTS eca_note_subject_key ON eca_note (subject);
CREATE INDEX IF NOT EXISTS jcitems_serialnumber_key ON jcitems (serialnumber);
CREATE INDEX IF NOT EXISTS eca_note_native_id_key ON eca_note (split_part(note, ' ', 2));
