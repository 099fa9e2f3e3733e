#include "worker/parse/decoder.h"

static const cs_decoder_ops *const formats[] = { &cs_decoder_csv };

cs_code cs_decoder_open(const cs_decode_input *input, cs_decoder **out, cs_error *err)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (cs_str_eq(input->job->source_format, cs_str_of(formats[i]->format)))
            return formats[i]->open(input, out, err);
    }
    char name[64];
    return cs_error_set(err, CS_E_UNSUPPORTED, "source format '%s' is not known to this worker",
                        cs_escape(name, sizeof name, input->job->source_format));
}

cs_code cs_decoder_feed(cs_decoder *decoder, cs_str chunk, bool last, cs_error *err)
{
    return decoder->ops->feed(decoder, chunk, last, err);
}

cs_decode_counts cs_decoder_counts(const cs_decoder *decoder)
{
    return decoder->ops->counts(decoder);
}

void cs_decoder_close(cs_decoder *decoder)
{
    if (decoder != NULL)
        decoder->ops->close(decoder);
}
